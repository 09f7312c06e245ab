import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { evoNormS0 } from '../support/elementReference';
import { expectClose } from '../support/expectClose';
import { prepare, tensorsOf } from '../support/prepared';
import { groupPartition, type Options } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { disposeLayer, tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const call = (x: unknown, options: object) =>
  norm.ops.evoNormS0(x as Tensor, { groups: 3, ...options });
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));
const layerOf = (args: object = {}) => norm.layers.evoNormS0(args);
const groups3 = { groups: 3 };

const table: Normalizer = {
  name: 'evoNormS0',
  epsilon: 1e-5,
  scale: true,
  center: true,
  invariance: 'none',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6], options: groups3 },
    { shape: [2, 4, 3, 32], options: { groups: 32 } },
    { shape: [2, 3, 5, 6], options: groups3, scale: false },
    { shape: [2, 3, 5, 6], options: groups3, center: false },
    { shape: [2, 3, 5, 6], options: groups3, scale: false, center: false },
    { shape: [2, 3, 5, 6], options: { groups: 1 } },
    { shape: [2, 3, 5, 6], options: { ...groups3, nonlinearity: false } },
    { shape: [2, 3, 5, 6], options: { ...groups3, nonlinearity: false }, scale: false },
    { shape: [2, 6, 5, 3], options: { ...groups3, axis: 1 } },
    { shape: [2, 6, 5, 3], options: { ...groups3, axis: 1, nonlinearity: false } },
    { shape: [2, 6, 7], options: { groups: 2, axis: 1 } },
    { shape: [2, 3, 4, 5], options: { groups: 2, axis: 2 } },
    { shape: [4, 12], options: { groups: 4 } },
    { shape: [5, 1], options: { groups: 1 } },
    { shape: [1, 2, 3, 2, 10], options: { groups: 5 } },
    { shape: [5, 1, 1, 127], options: { groups: 1 } },
    { shape: [1, 19, 17, 13], options: { groups: 13 } },
    { shape: [70, 3, 3, 5], options: { groups: 1 } },
    { shape: [2, 60, 60, 8], options: { groups: 4 } },
    { shape: [2, 4, 5, 4], options: { groups: 2 }, mean: 100 },
    { shape: [0, 3, 3, 6], options: groups3 },
    { shape: [2, 0, 3, 6], options: groups3 },
  ],
  op: (x, parameters, options) =>
    norm.ops.evoNormS0(x, { ...parameters, ...(options as { axis?: number }) }),
  partition: groupPartition,
  reference: (x, partition, parameters, options) => evoNormS0(x, partition, parameters, options),
  layer: {
    className: 'EvoNormS0',
    create: (args) => layerOf(args),
    defaults: {
      axis: -1,
      groups: 32,
      epsilon: 1e-5,
      nonlinearity: true,
      vInitializer: { className: 'Ones', config: {} },
      vRegularizer: null,
      vConstraint: null,
      ...AFFINE_DEFAULTS,
    },
    usable: groups3,
    everyArgument: {
      axis: 1,
      groups: 2,
      epsilon: 0.25,
      nonlinearity: false,
      vInitializer: constant(2),
      vRegularizer: EVERY_AFFINE_ARGUMENT.gammaRegularizer,
      vConstraint: EVERY_AFFINE_ARGUMENT.gammaConstraint,
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => {
      const channels = [shape.at(-1)!];
      return [...affineWeights(channels, args), { name: 'v', shape: channels, trainable: true }];
    },
  },
  badArguments: [
    ...commonBadArguments('evoNormS0', call, () => ones(2, 4, 4, 6)),
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^evoNormS0: axis.*batch/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^evoNormS0: x.*rank/],
    ['groups 4 of 6', bad(() => ({ groups: 4 })), /^evoNormS0: groups.*6 channels.*got 4/],
    ['groups 0', bad(() => ({ groups: 0 })), /^evoNormS0: groups.*got 0/],
    ['nonlinearity 1', bad(() => ({ nonlinearity: 1 })), /^evoNormS0: nonlinearity.*got 1/],
    ['v too long', bad(() => ({ v: ones(7) })), /^evoNormS0: v .*\[6\].*\[7\]/],
    ['v of rank 2', bad(() => ({ v: ones(1, 6) })), /^evoNormS0: v .*\[6\].*\[1,\s?6\]/],
    ['v of int32', bad(() => ({ v: tf.ones([6], 'int32') })), /^evoNormS0: v .*int32/],
    [
      'v without nonlinearity',
      bad(() => ({ v: ones(6), nonlinearity: false })),
      /^evoNormS0: v .*nonlinearity/,
    ],
    ['gamma too short', bad(() => ({ gamma: ones(5) })), /^evoNormS0: gamma.*\[6\].*\[5\]/],
    ['beta too long', bad(() => ({ beta: ones(7) })), /^evoNormS0: beta.*\[6\].*\[7\]/],
    ['a layer with -1 groups', () => layerOf({ groups: -1 }), /groups.*positive/],
    [
      'a layer whose groups do not divide',
      () => layerOf({ groups: 4 }).build([2, 3, 6]),
      /groups.*6 channels/,
    ],
    ['a layer on axis 0', () => layerOf({ axis: 0 }).build([2, 3, 32]), /axis.*batch/],
    [
      'a layer on an undefined dimension',
      () => layerOf(groups3).build([null, 4, null]),
      /axis 2 undefined/,
    ],
  ],
};

describeNormalizer(table);

/** y and every gradient, of v too, against the reference. */
function check(shape: number[], x: Float64Array, v: Float64Array, options: Options) {
  const settings = { epsilon: 1e-5, ...options };
  const p = prepare(table, { shape, options });
  const reference = evoNormS0(x, groupPartition(shape, options), p.parameters, settings, v);
  const want = reference.gradients(p.dy.data);
  tf.tidy(() => {
    const { dy, gamma, beta } = tensorsOf(p);
    const inputs = [array64(shape, x), array64([v.length], v)].map(tensor);
    const { y, grads } = withGradients(
      (a, slope, b, c) => call(a, { ...settings, v: slope, gamma: b, beta: c }),
      [...inputs, gamma!, beta!],
      dy,
    );
    expectClose('y', y, reference.y);
    expectClose('dx', grads[0]!, want.x);
    expectClose('dv', grads[1]!, want.v);
    expectClose('dgamma', grads[2]!, want.gamma);
    expectClose('dbeta', grads[3]!, want.beta);
  });
}

describe('evoNormS0', () => {
  const shape = [3, 5, 4, 6];
  const { x } = prepare(table, { shape, options: groups3 });
  const slopes = normal([6], 31, { mean: 1, deviation: 0.75 }).data;

  test.each<[string, number[], Options]>([
    ['three groups', shape, groups3],
    ['one group', shape, { groups: 1 }],
    ['a group for each channel', shape, { groups: 6 }],
    ['a wide epsilon', shape, { groups: 3, epsilon: 0.5 }],
    ['channels first', [3, 6, 5, 4], { groups: 3, axis: 1 }],
    ['a middle axis', [3, 5, 6, 4], { groups: 2, axis: 2 }],
    ['one position', [60, 6], groups3],
  ])('y and every gradient: %s', (_, of, options) => check(of, x.data, slopes, options));

  test.each([0, -1, 30, 1e4, -1e4])('slopes of %d', (v) => {
    check(shape, x.data, new Float64Array(6).fill(v), groups3);
  });

  test.each([1e4, -1e4, 60, 1e-4])('x around %d', (scale) => {
    const values = x.data.map((value) => Math.fround(scale * (1 + 0.1 * value)));
    check(shape, values, slopes, groups3);
  });

  test('saturated gates have no gradient of v', () => {
    tf.tidy(() => {
      const { grads } = withGradients(
        (v) => call(tf.tensor2d([[1e4, -1e4, 2e4]]), { groups: 1, v }),
        [ones(3)],
        ones(1, 3),
      );
      expect([...grads[0]!.dataSync()].map(Math.abs)).toEqual([0, 0, 0]);
    });
  });

  test('a layer without nonlinearity has no v, and takes channels that groups do not divide', () => {
    const layer = layerOf({ groups: 4, nonlinearity: false });
    tf.tidy(() => {
      const y = layer.apply(tensor(x)) as Tensor;
      expect(layer.weights.map((w) => w.originalName.split('/').pop())).toEqual(['gamma', 'beta']);
      expectClose('y', y, x.data, { absolute: 0 });
    });
    disposeLayer(layer);
  });

  test('the layer runs the op with its weights', () => {
    const layer = layerOf({ ...groups3, vInitializer: constant(2) });
    tf.tidy(() => {
      const y = layer.apply(tensor(x)) as Tensor;
      const v = new Float64Array(6).fill(2);
      const partition = groupPartition(shape, groups3);
      expectClose('y', y, evoNormS0(x.data, partition, {}, { epsilon: 1e-5 }, v).y);
    });
    disposeLayer(layer);
  });
});
