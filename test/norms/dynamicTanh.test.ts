import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { dynamicTanh } from '../support/elementReference';
import { expectClose } from '../support/expectClose';
import { prepare, tensorsOf } from '../support/prepared';
import { axesPartition, type Options } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { disposeLayer, tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const call = (x: unknown, options: object) => norm.ops.dynamicTanh(x as Tensor, options);
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));
const layerOf = (args: object = {}) => norm.layers.dynamicTanh(args);

const table: Normalizer = {
  name: 'dynamicTanh',
  scale: true,
  center: true,
  invariance: 'none',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 3, 5, 6], scale: false },
    { shape: [2, 3, 5, 6], center: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 3, 5, 6], options: { alpha: -1.25 } },
    { shape: [2, 3, 5, 6], options: { alpha: 0 } },
    { shape: [2, 3, 5, 6], options: { alpha: 20 } },
    { shape: [5, 1] },
    { shape: [1, 7] },
    { shape: [33, 31] },
    { shape: [3, 1021] },
    { shape: [70, 3] },
    { shape: [2, 2500] },
    { shape: [2, 3, 4, 5], options: { axis: [1, 2, 3] } },
    { shape: [2, 3, 4, 5], options: { axis: [-1, 2] } },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 6, 5, 3], options: { axis: [2, 1], alpha: 2 } },
    { shape: [2, 4, 5, 3], options: { axis: [1, 3] } },
    { shape: [2, 3, 2, 3, 7] },
    { shape: [3, 2, 5], options: { axis: [0, 2] } },
    { shape: [3, 2, 5], options: { axis: 0 } },
    { shape: [4, 60, 60, 8] },
    { shape: [0, 6] },
    { shape: [2, 0, 6] },
    { shape: [2, 6, 0], options: { axis: 1 } },
  ],
  op: (x, parameters, options) => norm.ops.dynamicTanh(x, { ...parameters, ...options }),
  partition: axesPartition,
  reference: dynamicTanh,
  layer: {
    className: 'DynamicTanh',
    create: ({ alpha, ...args } = {}) =>
      layerOf(
        alpha === undefined ? args : { ...args, alphaInitializer: constant(alpha as number) },
      ),
    defaults: {
      axis: -1,
      alphaInitializer: constant(0.5),
      alphaRegularizer: null,
      alphaConstraint: null,
      ...AFFINE_DEFAULTS,
    },
    usable: {},
    everyArgument: {
      axis: [1, 3],
      alphaInitializer: constant(2),
      alphaRegularizer: EVERY_AFFINE_ARGUMENT.gammaRegularizer,
      alphaConstraint: EVERY_AFFINE_ARGUMENT.gammaConstraint,
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => {
      const axes = [(args.axis as number | number[]) ?? -1].flat();
      const extents = axes.map((axis) => shape[normalizeAxis(axis, shape.length)]!);
      return [...affineWeights(extents, args), { name: 'alpha', shape: [1], trainable: true }];
    },
  },
  badArguments: [
    ...commonBadArguments('dynamicTanh', call, () => ones(2, 4, 4, 6)).filter(
      ([what]) => !what.startsWith('epsilon'),
    ),
    ['axis []', bad(() => ({ axis: [] })), /^dynamicTanh: axis.*got/],
    ['axis [1, 1]', bad(() => ({ axis: [1, 1] })), /^dynamicTanh: axis.*got/],
    ['x of rank 0', () => tf.tidy(() => call(tf.scalar(1), {})), /^dynamicTanh: (x|axis)/],
    ['alpha of shape [2]', bad(() => ({ alpha: ones(2) })), /^dynamicTanh: alpha.*got.*2/],
    ['alpha of shape [1, 1]', bad(() => ({ alpha: ones(1, 1) })), /^dynamicTanh: alpha.*1,\s?1/],
    ['alpha of int32', bad(() => ({ alpha: tf.scalar(1, 'int32') })), /^dynamicTanh: alpha.*int32/],
    ['alpha a string', bad(() => ({ alpha: 'steep' })), /dynamicTanh: alpha|'steep'|string/],
    ['gamma too long', bad(() => ({ gamma: ones(7) })), /^dynamicTanh: gamma.*\[6\].*\[7\]/],
    [
      'gamma of the wrong rank',
      bad(() => ({ gamma: ones(24), axis: [2, 3] })),
      /^dynamicTanh: gamma.*\[4,\s?6\].*\[24\]/,
    ],
    ['beta of length 1', bad(() => ({ beta: ones(1) })), /^dynamicTanh: beta.*\[6\].*\[1\]/],
    ['an epsilon, of the layer', () => layerOf({ epsilon: 1e-3 }), /epsilon.*is not an argument/],
    ['a layer with axis 1.5', () => layerOf({ axis: 1.5 }), /axis.*integer/],
    [
      'a layer on an undefined dimension',
      () => layerOf({ axis: [1, 2] }).build([null, null, 4]),
      /axis 1 undefined/,
    ],
  ],
};

describeNormalizer(table);

/** y and every gradient, of alpha too, against the reference. */
function check(shape: number[], x: Float64Array, options: Options & { alpha: number }) {
  const partition = axesPartition(shape, options);
  const p = prepare(table, { shape, options });
  const reference = dynamicTanh(x, partition, p.parameters, options);
  const want = reference.gradients(p.dy.data);
  tf.tidy(() => {
    const { dy, gamma, beta } = tensorsOf(p);
    const { y, grads } = withGradients(
      (a, alpha, b, c) => call(a, { ...options, alpha, gamma: b, beta: c }),
      [tensor(array64(shape, [...x])), tf.tensor1d([options.alpha]), gamma!, beta!],
      dy,
    );
    expectClose('y', y, reference.y);
    expectClose('dx', grads[0]!, want.x);
    expect(grads[1]!.shape).toEqual([1]);
    expectClose('dalpha', grads[1]!, [want.alpha]);
    expectClose('dgamma', grads[2]!, want.gamma);
    expectClose('dbeta', grads[3]!, want.beta);
  });
}

describe('dynamicTanh', () => {
  test.each([
    [[3, 5, 4, 6], { alpha: 0.5 }],
    [[3, 5, 4, 6], { alpha: -2 }],
    [[3, 5, 4, 6], { alpha: 0 }],
    [[3, 5, 4, 6], { alpha: 1e30 }],
    [[2, 6, 5, 7], { alpha: 0.5, axis: 1 }],
    [[4, 6], { alpha: 1.5 }],
    [[200, 33], { alpha: 0.25 }],
  ])('y and every gradient: %j, %j', (shape, options) => {
    check(shape, prepare(table, { shape }).x.data, options);
  });

  test.each([1e4, -1e4, 1e-4, 9, 44, 60, 3e38])('saturation and tails around x = %d', (scale) => {
    const { x } = prepare(table, { shape: [3, 5, 4, 6] });
    check(
      [3, 5, 4, 6],
      x.data.map((value) => Math.fround(scale * Math.max(-1, Math.min(1, value)))),
      { alpha: 1 },
    );
  });

  test('infinite values saturate, and have no gradient', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([[Infinity, -Infinity, 0.5]]);
      const { y, grads } = withGradients(
        (a, alpha) => call(a, { alpha }),
        [x, tf.tensor1d([0.5])],
        ones(1, 3),
      );
      expectClose('y', y, [1, -1, Math.tanh(0.25)], { scaled: 1e-6 });
      const slope = 1 - Math.tanh(0.25) ** 2;
      expectClose('dx', grads[0]!, [0, 0, 0.5 * slope], { scaled: 1e-6 });
      expectClose('dalpha', grads[1]!, [0.5 * slope], { scaled: 1e-6 });
    });
  });

  test('takes alpha as a number, a scalar and a tensor of one value, and 0.5 without', () => {
    const p = prepare(table, { shape: [4, 6] });
    tf.tidy(() => {
      const { x } = tensorsOf(p);
      const want = dynamicTanh(p.x.data, axesPartition([4, 6], {}), {}, { alpha: 0.5 }).y;
      for (const options of [{}, { alpha: 0.5 }, { alpha: tf.scalar(0.5) }, { alpha: [0.5] }]) {
        expectClose('y', call(x, options), want);
      }
      const { grads } = withGradients(
        (alpha) => call(x, { alpha }),
        [tf.scalar(0.5)],
        tf.ones([4, 6]),
      );
      expect(grads[0]!.shape).toEqual([]);
    });
  });

  test('a layer applies what its axes say, and trains alpha', async () => {
    const layer = layerOf({ axis: [3, 1], alphaInitializer: constant(2) });
    layer.build([2, 3, 4, 5]);
    expect(layer.getWeights().map(({ shape }) => shape)).toEqual([[3, 5], [3, 5], [1]]);
    expect([...layer.getWeights()[2]!.dataSync()]).toEqual([2]);
    expect(layer.getConfig().axis).toEqual([3, 1]);
    disposeLayer(layer);
  });
});
