import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Layer, type Normalizer } from '../support/describeNormalizer';
import { centered, instancePartition } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';

const ones = (...shape: number[]) => tf.ones(shape);
const call = (x: unknown, options: object) => norm.ops.instanceNorm(x as Tensor, options);
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));

const instanceNorm: Normalizer = {
  name: 'instanceNorm',
  epsilon: 1e-3,
  scale: true,
  center: true,
  invariance: 'shift and scale',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 3, 5, 6], scale: false },
    { shape: [2, 3, 5, 6], center: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 5, 31], options: { axis: 1 } },
    { shape: [2, 33, 1] },
    { shape: [2, 3, 4, 5], options: { axis: 2 } },
    { shape: [1, 3, 2, 3, 7] },
    { shape: [4, 12] },
    { shape: [2, 1, 1, 5] },
    { shape: [1, 21, 17, 3] },
    { shape: [1, 3, 3, 129] },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 3, 0, 6] },
  ],
  op: (x, parameters, options) =>
    norm.ops.instanceNorm(x, { ...parameters, ...(options as object) }),
  partition: instancePartition,
  reference: (x, partition, parameters, { epsilon }) => centered(x, partition, parameters, epsilon),
  layer: {
    className: 'InstanceNormalization',
    create: (args) => norm.layers.instanceNormalization(args as never),
    defaults: { axis: -1, epsilon: 1e-3, ...AFFINE_DEFAULTS },
    usable: {},
    everyArgument: { axis: 1, epsilon: 0.25, ...EVERY_AFFINE_ARGUMENT },
    weights: (shape, args) =>
      affineWeights([shape[normalizeAxis((args.axis as number) ?? -1, shape.length)]!], args),
  },
  badArguments: [
    ...commonBadArguments('instanceNorm', call, () => ones(2, 4, 4, 6)),
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^instanceNorm: axis/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^instanceNorm: x.*rank/],
    ['gamma too long', bad(() => ({ gamma: ones(7) })), /^instanceNorm: gamma.*\[6\].*\[7\]/],
    ['beta too short', bad(() => ({ beta: ones(5) })), /^instanceNorm: beta.*\[6\].*\[5\]/],
  ],
};

describeNormalizer(instanceNorm);

describe('instanceNorm', () => {
  test("loads under TF-Addons' class name", () => {
    const [layerClass] =
      tf.serialization.SerializationMap.getMap().classNameMap['Addons>InstanceNormalization']!;
    expect(
      new (layerClass as unknown as new (args: object) => Layer)({ axis: 1 }).getConfig(),
    ).toMatchObject({ axis: 1 });
  });
});
