import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, array64, normal, normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { expectClose } from '../support/expectClose';
import { prepare, tensorsOf } from '../support/prepared';
import { instancePartition, type Options } from '../support/reference';
import { switchable } from '../support/switchableReference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const { switchableNorm } = norm.ops;

/** Equal weights and fresh running statistics; `options` replaces any. */
function call(x: Tensor, options: Record<string, unknown>): Tensor {
  return tf.tidy(() => {
    const { useBatch = true, axis = -1 } = options as Options;
    const logits = [useBatch ? 3 : 2];
    const channels = [x.shape?.[normalizeAxis(axis as number, x.rank)] ?? 0];
    return switchableNorm(x, {
      meanLogits: tf.ones(logits),
      varianceLogits: tf.ones(logits),
      movingMean: tf.zeros(channels),
      movingVariance: tf.ones(channels),
      ...options,
    }).y;
  });
}
const equal = (useBatch = true) => new Float64Array(useBatch ? 3 : 2).fill(1);
const bad = (options: () => object) => () =>
  tf.tidy(() => call(ones(2, 4, 4, 6), options() as never));
const layerOf = (args: object = {}) => norm.layers.switchableNormalization(args);

const table: Normalizer = {
  name: 'switchableNorm',
  epsilon: 1e-5,
  scale: true,
  center: true,
  invariance: 'shift and scale',
  independentSamples: false,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 4, 3, 32], options: { unbiasedSpatialVariance: true } },
    { shape: [2, 3, 5, 6], options: { useBatch: false }, scale: false },
    { shape: [2, 3, 5, 6], options: { useBatch: false, unbiasedSpatialVariance: true } },
    { shape: [2, 3, 5, 6], center: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 6, 7], options: { axis: 1, unbiasedSpatialVariance: true } },
    { shape: [4, 12] },
    { shape: [4, 12], options: { unbiasedSpatialVariance: true } },
    { shape: [2, 3, 4, 5], options: { axis: 2 } },
    { shape: [1, 3, 4, 5] },
    { shape: [1, 3, 4, 5], options: { useBatch: false } },
    { shape: [1, 2, 3, 2, 10] },
    { shape: [5, 1, 1, 127] },
    { shape: [3, 4, 3, 1] },
    { shape: [1, 19, 17, 13] },
    { shape: [70, 3, 3, 5] },
    { shape: [2, 60, 60, 8] },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 0, 3, 6] },
  ],
  op: (x, parameters, options) => call(x, { ...parameters, ...options }),
  partition: instancePartition,
  reference: (x, partition, parameters, options) => {
    const logits = { mean: equal(options.useBatch), variance: equal(options.useBatch) };
    return switchable(x, partition, parameters, logits, options);
  },
  layer: {
    className: 'SwitchableNormalization',
    create: (args) => layerOf(args),
    defaults: {
      axis: -1,
      momentum: 0.9,
      epsilon: 1e-5,
      useBatch: true,
      lastGamma: false,
      unbiasedSpatialVariance: false,
      inference: 'moving',
      meanLogitsInitializer: { className: 'Ones', config: {} },
      varianceLogitsInitializer: { className: 'Ones', config: {} },
      meanLogitsRegularizer: null,
      varianceLogitsRegularizer: null,
      movingMeanInitializer: { className: 'Zeros', config: {} },
      movingVarianceInitializer: { className: 'Ones', config: {} },
      ...AFFINE_DEFAULTS,
    },
    usable: {},
    everyArgument: {
      axis: 1,
      momentum: 0.25,
      epsilon: 0.25,
      useBatch: false,
      lastGamma: true,
      unbiasedSpatialVariance: true,
      inference: 'batch',
      meanLogitsInitializer: constant(2),
      varianceLogitsInitializer: constant(3),
      meanLogitsRegularizer: EVERY_AFFINE_ARGUMENT.gammaRegularizer,
      varianceLogitsRegularizer: EVERY_AFFINE_ARGUMENT.gammaRegularizer,
      movingMeanInitializer: constant(4),
      movingVarianceInitializer: constant(5),
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => {
      const channels = [shape.at(-1)!];
      return [
        ...affineWeights(channels, args),
        { name: 'mean_logits', shape: [3], trainable: true },
        { name: 'variance_logits', shape: [3], trainable: true },
        { name: 'moving_mean', shape: channels, trainable: false },
        { name: 'moving_variance', shape: channels, trainable: false },
      ];
    },
  },
  badArguments: [
    ...commonBadArguments(
      'switchableNorm',
      (x, options) => call(x as Tensor, options),
      () => ones(2, 4, 4, 6),
    ).filter(([what]) => what !== 'a string for x'),
    [
      'a string for x',
      () => switchableNorm('image' as never, undefined as never),
      /switchableNorm: x|'x'/,
    ],
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^switchableNorm: axis/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^switchableNorm: x.*rank/],
    [
      'two mean logits with batch',
      bad(() => ({ meanLogits: ones(2) })),
      /^switchableNorm: meanLogits.*\[3\].*\[2\]/,
    ],
    [
      'three variance logits without batch',
      bad(() => ({ useBatch: false, varianceLogits: ones(3) })),
      /^switchableNorm: varianceLogits.*\[2\].*\[3\]/,
    ],
    ['no logits', bad(() => ({ meanLogits: undefined })), /^switchableNorm: meanLogits/],
    [
      'a running mean of other channels',
      bad(() => ({ movingMean: ones(5) })),
      /^switchableNorm: movingMean.*\[6\].*\[5\]/,
    ],
    ['no running variance', bad(() => ({ movingVariance: null })), /^switchableNorm: movingVar/],
    ['useBatch 1', bad(() => ({ useBatch: 1 })), /^switchableNorm: useBatch.*1/],
    ['training yes', bad(() => ({ training: 'yes' })), /^switchableNorm: training.*yes/],
    ['momentum 2', bad(() => ({ momentum: 2 })), /^switchableNorm: momentum.*2/],
    ['gamma too short', bad(() => ({ gamma: ones(5) })), /^switchableNorm: gamma.*\[6\].*\[5\]/],
    ['a layer with inference sometimes', () => layerOf({ inference: 'sometimes' }), /inference/],
    ['a layer on axis 0', () => layerOf({ axis: 0 }).build([2, 3, 4]), /axis.*batch/],
    ['importance before build', () => layerOf().importance(), /importance.*built/],
  ],
};

describeNormalizer(table);

interface Given {
  useBatch?: boolean;
  unbiasedSpatialVariance?: boolean;
  logits?: { mean: Float64Array; variance: Float64Array };
  moving?: { mean: Array64; variance: Array64 };
}

/** y and all five gradients against the reference. */
function check(shape: number[], { useBatch, unbiasedSpatialVariance, logits, moving }: Given) {
  const p = prepare(table, { shape });
  const options = { epsilon: 1e-5, useBatch, unbiasedSpatialVariance };
  const given = logits ?? { mean: equal(useBatch), variance: equal(useBatch) };
  const constants = moving && { mean: moving.mean.data, variance: moving.variance.data };
  const partition = instancePartition(shape, {});
  const reference = switchable(p.x.data, partition, p.parameters, given, {
    ...options,
    moving: constants,
  });
  const want = reference.gradients(p.dy.data);
  tf.tidy(() => {
    const { x, dy, gamma, beta } = tensorsOf(p);
    const state = moving
      ? { movingMean: tensor(moving.mean), movingVariance: tensor(moving.variance) }
      : {};
    const asTensor = (values: Float64Array) => tensor(array64([values.length], [...values]));
    const { y, grads } = withGradients(
      (a, b, c, d, e) =>
        call(a!, {
          ...options,
          ...state,
          gamma: b,
          beta: c,
          meanLogits: d,
          varianceLogits: e,
          training: !moving,
        }),
      [x, gamma!, beta!, asTensor(given.mean), asTensor(given.variance)],
      dy,
    );
    expectClose('y', y, reference.y);
    expectClose('dx', grads[0]!, want.x);
    expectClose('dgamma', grads[1]!, want.gamma);
    expectClose('dbeta', grads[2]!, want.beta);
    expectClose('dmeanLogits', grads[3]!, want.means, { scaled: 1e-5, relative: 2e-5 });
    expectClose('dvarianceLogits', grads[4]!, want.variances, { scaled: 1e-5, relative: 2e-5 });
  });
}

const logits = (...values: [number, number][]) => ({
  mean: Float64Array.from(values, ([mean]) => mean),
  variance: Float64Array.from(values, ([, variance]) => variance),
});
const skewed = logits([0.25, -1], [1.5, 0.5], [-0.75, 2]);

describe('switchableNorm', () => {
  const shape = [3, 5, 4, 6];
  const moving = { mean: normal([6], 21), variance: array64([6], [0.5, 1, 2, 0.25, 3, 1.5]) };

  test.each<[string, number[], Given]>([
    ['unequal weights', shape, { logits: skewed }],
    ['unequal weights, unbiased', shape, { logits: skewed, unbiasedSpatialVariance: true }],
    ['one position', [4, 7], { logits: skewed }],
    ['one sample', [1, 4, 5, 3], { logits: skewed }],
    ['no batch', shape, { logits: logits([0.25, -1], [1.5, 0.5]), useBatch: false }],
    ['inference', shape, { logits: skewed, moving }],
    ['inference, unbiased', shape, { logits: skewed, moving, unbiasedSpatialVariance: true }],
    ['inference, one position', [5, 6], { logits: skewed, moving }],
    ['logits of 1e4', shape, { logits: logits([1e4, -1e4], [-1e4, 1e4], [0, -1e4]) }],
    ['logits of -1e4', shape, { logits: logits([-1e4, 1e4], [-1e4, 0], [-1e4, 1e4]) }],
  ])('y and every gradient: %s', (_, of, given) => check(of, given));

  test('logits of 1e4 pick instance, layer and batch norm', () => {
    const p = prepare(table, { shape });
    tf.tidy(() => {
      const { x, gamma, beta } = tensorsOf(p);
      const affine = { gamma, beta, epsilon: 1e-5 };
      const state = { movingMean: tf.zeros([6]), movingVariance: tf.ones([6]) };
      const picked = [
        norm.ops.instanceNorm(x, affine),
        norm.ops.groupNorm(x, { ...affine, groups: 1 }),
        norm.ops.batchNorm(x, { ...affine, ...state }).y,
      ];
      picked.forEach((want, k) => {
        const choice = tf.tensor1d([0, 1, 2].map((i) => (i === k ? 1e4 : -1e4)));
        const y = call(x, { gamma, beta, meanLogits: choice, varianceLogits: choice });
        expectClose('y', y, want, { scaled: 2e-6 });
      });
    });
  });

  test('one value in training gives beta, and no gradient of x', () => {
    tf.tidy(() => {
      const run = (x: Tensor) => call(x, { beta: tf.tensor1d([0.5]) });
      const { y, grads } = withGradients(run, [tf.tensor4d([[[[7]]]])], ones(1, 1, 1, 1));
      expect([...y.dataSync(), ...grads[0]!.dataSync()]).toEqual([0.5, 0]);
    });
  });

  test('gamma 0 has no gradient of x and logits, but one of its own', () => {
    const p = prepare(table, { shape });
    tf.tidy(() => {
      const { x, dy } = tensorsOf(p);
      const { grads } = withGradients(
        (a, gamma, meanLogits, varianceLogits) => call(a!, { gamma, meanLogits, varianceLogits }),
        [x, tf.zeros([6]), ones(3), ones(3)],
        dy,
      );
      const largest = grads.map((grad) => grad.abs().max().dataSync()[0]!);
      expect([largest[0], largest[2], largest[3]]).toEqual([0, 0, 0]);
      expect(largest[1]).toBeGreaterThan(0.1);
    });
  });

  test('running statistics follow in training and stay at inference', () => {
    const p = prepare(table, { shape });
    const given = { mean: equal(), variance: equal() };
    const { batch } = switchable(p.x.data, instancePartition(shape, {}), {}, given, p.options);
    tf.tidy(() => {
      const { x } = tensorsOf(p);
      const state = { movingMean: tensor(moving.mean), movingVariance: tensor(moving.variance) };
      const options = { ...state, meanLogits: ones(3), varianceLogits: ones(3), momentum: 0.75 };
      const trained = switchableNorm(x, options);
      const follow = (old: Float64Array, now: Float64Array) =>
        old.map((value, c) => 0.75 * value + 0.25 * now[c]!);
      expectClose('mean', trained.movingMean, follow(moving.mean.data, batch.mean));
      expectClose('variance', trained.movingVariance, follow(moving.variance.data, batch.variance));
      const inferred = switchableNorm(x, { ...options, training: false });
      expect(inferred.movingMean.dataSync()).toEqual(state.movingMean.dataSync());
      expect(inferred.movingVariance.dataSync()).toEqual(state.movingVariance.dataSync());
    });
  });
});
