import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Layer, type Normalizer } from '../support/describeNormalizer';
import { expectClose } from '../support/expectClose';
import { prepare, tensorsOf } from '../support/prepared';
import { centered, groupPartition } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';

const ones = (...shape: number[]) => tf.ones(shape);
const call = (x: unknown, options: object) =>
  norm.ops.groupNorm(x as Tensor, { groups: 3, ...options });
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));

const groupNorm: Normalizer = {
  name: 'groupNorm',
  epsilon: 1e-3,
  scale: true,
  center: true,
  invariance: 'shift and scale',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6], options: { groups: 3 } },
    { shape: [2, 4, 3, 32] },
    { shape: [2, 3, 5, 6], options: { groups: 1 }, scale: false },
    { shape: [2, 3, 5, 6], options: { groups: 6 }, center: false },
    { shape: [2, 3, 5, 6], options: { groups: 2 }, scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { groups: 2, axis: 1 } },
    { shape: [2, 6, 7], options: { groups: 3, axis: 1 } },
    { shape: [4, 12], options: { groups: 4 } },
    { shape: [2, 7, 5], options: { groups: 5 } },
    { shape: [2, 4, 3, 5], options: { groups: 2, axis: 2 - 1 } },
    { shape: [2, 3, 4, 5], options: { groups: 2, axis: 2 } },
    { shape: [1, 2, 3, 2, 10], options: { groups: 5 } },
    { shape: [1, 2, 3, 3, 2, 4], options: { groups: 2 } },
    { shape: [2, 1, 1, 127], options: { groups: 1 } },
    { shape: [1, 19, 17, 13], options: { groups: 13 } },
    { shape: [2, 3, 3, 66], options: { groups: 33 } },
    { shape: [1, 1, 1, 6], options: { groups: 6 } },
    { shape: [0, 3, 3, 6], options: { groups: 3 } },
    { shape: [2, 0, 3, 6], options: { groups: 3 } },
  ],
  op: (x, parameters, options) => norm.ops.groupNorm(x, { ...parameters, ...(options as object) }),
  partition: groupPartition,
  reference: (x, partition, parameters, { epsilon }) => centered(x, partition, parameters, epsilon),
  layer: {
    className: 'GroupNormalization',
    create: (args) => norm.layers.groupNormalization(args as never),
    defaults: { groups: 32, axis: -1, epsilon: 1e-3, ...AFFINE_DEFAULTS },
    usable: { groups: 3 },
    everyArgument: { groups: 4, axis: 1, epsilon: 0.25, ...EVERY_AFFINE_ARGUMENT },
    weights: (shape, args) =>
      affineWeights([shape[normalizeAxis((args.axis as number) ?? -1, shape.length)]!], args),
  },
  badArguments: [
    ...commonBadArguments('groupNorm', call, () => ones(2, 4, 4, 6)),
    ...[0, -2, 1.5, Number.NaN, '32', 7, 4, 2 ** 31].map(
      (groups) =>
        [
          `groups ${JSON.stringify(groups)}`,
          bad(() => ({ groups })),
          new RegExp(`^groupNorm: groups.*got.*${String(groups).replace('.', '\\.')}`, 's'),
        ] as [string, () => unknown, RegExp],
    ),
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^groupNorm: axis/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^groupNorm: x.*rank/],
    ['x of rank 0', () => tf.tidy(() => call(tf.scalar(1), {})), /^groupNorm: x.*rank/],
    ['gamma too short', bad(() => ({ gamma: ones(5) })), /^groupNorm: gamma.*\[6\].*\[5\]/],
    ['gamma of length 1', bad(() => ({ gamma: ones(1) })), /^groupNorm: gamma.*\[6\].*\[1\]/],
    ['an empty gamma', bad(() => ({ gamma: tf.tensor1d([]) })), /^groupNorm: gamma.*\[6\].*\[0\]/],
    ['beta of rank 2', bad(() => ({ beta: ones(1, 6) })), /^groupNorm: beta.*\[6\].*\[1,\s?6\]/],
    ['a scalar beta', bad(() => ({ beta: tf.scalar(1) })), /^groupNorm: beta.*\[6\].*\[\]/],
    [
      'a layer with groups that do not divide the channels',
      () => norm.layers.groupNormalization({ groups: 4 }).build([null, 4, 4, 6]),
      /groups.*6 channels.*4/,
    ],
    [
      'a layer on an undefined channel dimension',
      () => norm.layers.groupNormalization({ groups: 4 }).build([null, 4, 4, null]),
      /axis 3 undefined/,
    ],
    ['a layer with groups 0', () => norm.layers.groupNormalization({ groups: 0 }), /groups.*0/],
    [
      'a layer with epsilon -1',
      () => norm.layers.groupNormalization({ epsilon: -1 }),
      /epsilon.*-1/,
    ],
  ],
};

describeNormalizer(groupNorm);

describe('groupNorm', () => {
  const shape = [2, 4, 5, 6];

  test('with as many groups as channels is instance norm', () => {
    const p = prepare(groupNorm, { shape, options: { groups: 6 } });
    tf.tidy(() => {
      const { x, gamma, beta } = tensorsOf(p);
      const group = norm.ops.groupNorm(x, { gamma, beta, groups: 6 });
      expectClose('y', norm.ops.instanceNorm(x, { gamma, beta }), group, { scaled: 1e-6 });
    });
  });

  test('with one group is layer norm over all but the batch, with channel-wise parameters', () => {
    const p = prepare(groupNorm, { shape, options: { groups: 1 }, scale: false, center: false });
    tf.tidy(() => {
      const { x } = tensorsOf(p);
      const group = norm.ops.groupNorm(x, { groups: 1 });
      expectClose('y', norm.ops.layerNorm(x, { axis: [1, 2, 3] }), group, { scaled: 2e-6 });
    });
  });

  test("loads under TF-Addons' class name", () => {
    const [layerClass] =
      tf.serialization.SerializationMap.getMap().classNameMap['Addons>GroupNormalization']!;
    expect(
      new (layerClass as unknown as new (args: object) => Layer)({ groups: 2 }).getConfig(),
    ).toMatchObject({ groups: 2 });
  });
});
