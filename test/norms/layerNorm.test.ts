import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { expectClose } from '../support/expectClose';
import { prepare, tensorsOf } from '../support/prepared';
import { axesPartition, centered } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { disposeLayer } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const call = (x: unknown, options: object) => norm.ops.layerNorm(x as Tensor, options);
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));

const layerNorm: Normalizer = {
  name: 'layerNorm',
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
    { shape: [5, 1] },
    { shape: [1, 7] },
    { shape: [33, 31] },
    { shape: [3, 1021] },
    { shape: [2, 2500] },
    { shape: [2, 3, 4, 5], options: { axis: [1, 2, 3] } },
    { shape: [2, 3, 4, 5], options: { axis: [-1, 2] } },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 4, 5, 3], options: { axis: [1, 3] } },
    { shape: [2, 3, 2, 3, 7] },
    { shape: [3, 2, 5], options: { axis: [0, 2] } },
    { shape: [0, 6] },
    { shape: [2, 0, 6] },
  ],
  op: (x, parameters, options) => norm.ops.layerNorm(x, { ...parameters, ...(options as object) }),
  partition: axesPartition,
  reference: (x, partition, parameters, { epsilon }) => centered(x, partition, parameters, epsilon),
  layer: {
    className: 'NativeLayerNormalization',
    create: (args) => norm.layers.layerNormalization(args as never),
    defaults: { axis: -1, epsilon: 1e-3, ...AFFINE_DEFAULTS },
    usable: {},
    everyArgument: { axis: [1, 3], epsilon: 0.25, ...EVERY_AFFINE_ARGUMENT },
    weights: (shape, args) => {
      const axes = [(args.axis as number | number[]) ?? -1].flat();
      return affineWeights(
        axes.map((axis) => shape[normalizeAxis(axis, shape.length)]!),
        args,
      );
    },
  },
  badArguments: [
    ...commonBadArguments('layerNorm', call, () => ones(2, 4, 4, 6)),
    ['axis []', bad(() => ({ axis: [] })), /^layerNorm: axis.*got/],
    ['axis [1, 1]', bad(() => ({ axis: [1, 1] })), /^layerNorm: axis.*got.*1/],
    ['axis [-1, 3], the same', bad(() => ({ axis: [-1, 3] })), /^layerNorm: axis.*got/],
    ['x of rank 0', () => tf.tidy(() => call(tf.scalar(1), {})), /^layerNorm: (x|axis)/],
    ['gamma too long', bad(() => ({ gamma: ones(7) })), /^layerNorm: gamma.*\[6\].*\[7\]/],
    [
      'gamma of the wrong rank',
      bad(() => ({ gamma: ones(24), axis: [2, 3] })),
      /^layerNorm: gamma.*\[4,\s?6\].*\[24\]/,
    ],
    ['beta of length 1', bad(() => ({ beta: ones(1) })), /^layerNorm: beta.*\[6\].*\[1\]/],
    [
      'a layer on an undefined dimension',
      () => norm.layers.layerNormalization({ axis: [1, 2] }).build([null, null, 4]),
      /axis 1 undefined/,
    ],
  ],
};

describeNormalizer(layerNorm);

describe('layerNorm', () => {
  test("equals tfjs's own layer", () => {
    const p = prepare(layerNorm, { shape: [3, 4, 6] });
    tf.tidy(() => {
      const { x, gamma, beta } = tensorsOf(p);
      const [own, theirs] = [norm.layers.layerNormalization(), tf.layers.layerNormalization()].map(
        (layer) => {
          layer.build(x.shape);
          layer.setWeights([gamma!, beta!]);
          const y = layer.apply(x) as Tensor;
          disposeLayer(layer);
          return y;
        },
      );
      expectClose('y', own!, theirs!);
    });
  });

  test('leaves an unsorted axis list as it was given', () => {
    const axis = [3, 1];
    const layer = norm.layers.layerNormalization({ axis });
    layer.build([2, 3, 4, 5]);
    expect(axis).toEqual([3, 1]);
    expect(layer.getConfig().axis).toEqual([3, 1]);
    disposeLayer(layer);
  });
});
