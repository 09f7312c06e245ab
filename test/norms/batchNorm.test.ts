import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { batchPartition, centered, type Options } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';

const ones = (...shape: number[]) => tf.ones(shape);
const channelsOf = (shape: readonly number[], { axis = -1 }: Options) =>
  shape[normalizeAxis(axis as number, shape.length)]!;
const call = (x: unknown, options: object) =>
  tf.tidy(
    () =>
      norm.ops.batchNorm(x as Tensor, {
        movingMean: tf.zeros([6]),
        movingVariance: ones(6),
        ...options,
      }).y,
  );
const bad = (options: () => object) => () => tf.tidy(() => call(ones(4, 3, 3, 6), options()));

const batchNorm: Normalizer = {
  name: 'batchNorm',
  epsilon: 1e-3,
  scale: true,
  center: true,
  invariance: 'shift and scale',
  independentSamples: false,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 3, 5, 6], scale: false },
    { shape: [2, 3, 5, 6], center: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 3, 4, 5], options: { axis: 2 } },
    { shape: [3, 4, 2], options: { axis: 0 } },
    { shape: [3, 31, 7], options: { axis: 1 } },
    { shape: [9, 5] },
    { shape: [33, 1] },
    { shape: [7, 127] },
    { shape: [2, 3, 2, 3, 7] },
    { shape: [2, 1, 3, 2, 2, 5] },
    { shape: [1, 21, 17, 3] },
    { shape: [2, 2, 2, 257] },
    { shape: [8, 3, 2, 5], options: { virtualBatchSize: 2 } },
    { shape: [8, 5, 3], options: { virtualBatchSize: 4, axis: 1 } },
    { shape: [6, 3, 4, 3], options: { virtualBatchSize: 3, axis: 2 } },
    { shape: [6, 5], options: { virtualBatchSize: 6 } },
    { shape: [4, 3], options: { virtualBatchSize: 1 } },
    { shape: [1, 1, 1, 3] },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 0, 3, 6] },
  ],
  op: (x, parameters, options) =>
    tf.tidy(() => {
      const channels = channelsOf(x.shape, options);
      const moving = { movingMean: tf.zeros([channels]), movingVariance: tf.ones([channels]) };
      return norm.ops.batchNorm(x, { ...parameters, ...moving, ...(options as object) }).y;
    }),
  partition: batchPartition,
  reference: (x, partition, parameters, { epsilon }) => centered(x, partition, parameters, epsilon),
  layer: {
    className: 'NativeBatchNormalization',
    create: (args) => norm.layers.batchNormalization(args as never),
    defaults: {
      axis: -1,
      momentum: 0.99,
      epsilon: 1e-3,
      unbiased: false,
      movingMeanInitializer: { className: 'Zeros', config: {} },
      movingVarianceInitializer: { className: 'Ones', config: {} },
      ...AFFINE_DEFAULTS,
    },
    usable: {},
    everyArgument: {
      axis: 1,
      momentum: 0.75,
      epsilon: 0.25,
      unbiased: true,
      virtualBatchSize: 2,
      movingMeanInitializer: constant(6),
      movingVarianceInitializer: constant(7),
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => {
      const channels = [channelsOf(shape, args)];
      return [
        ...affineWeights(channels, args),
        { name: 'moving_mean', shape: channels, trainable: false },
        { name: 'moving_variance', shape: channels, trainable: false },
      ];
    },
  },
  badArguments: [
    ...commonBadArguments('batchNorm', call, () => ones(4, 3, 3, 6)),
    ...[-0.1, 1.1, Number.NaN, '0.9'].map(
      (momentum) =>
        [
          `momentum ${JSON.stringify(momentum)}`,
          bad(() => ({ momentum })),
          new RegExp(`^batchNorm: momentum.*got.*${String(momentum).replace('.', '\\.')}`, 's'),
        ] as [string, () => unknown, RegExp],
    ),
    ...[0, -2, 1.5, 3].map(
      (virtualBatchSize) =>
        [
          `virtualBatchSize ${virtualBatchSize} of 4 samples`,
          bad(() => ({ virtualBatchSize })),
          new RegExp(`^batchNorm: virtualBatchSize.*${virtualBatchSize}`, 's'),
        ] as [string, () => unknown, RegExp],
    ),
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^batchNorm: x.*rank/],
    ['x of rank 0', () => tf.tidy(() => call(tf.scalar(1), {})), /^batchNorm: x.*rank/],
    ['gamma too short', bad(() => ({ gamma: ones(5) })), /^batchNorm: gamma.*\[6\].*\[5\]/],
    ['an empty gamma', bad(() => ({ gamma: tf.tensor1d([]) })), /^batchNorm: gamma.*\[6\].*\[0\]/],
    ['beta of rank 2', bad(() => ({ beta: ones(6, 1) })), /^batchNorm: beta.*\[6\].*\[6,\s?1\]/],
    [
      'movingMean too long',
      bad(() => ({ movingMean: ones(7) })),
      /^batchNorm: movingMean.*\[6\].*\[7\]/,
    ],
    [
      'an empty movingVariance',
      bad(() => ({ movingVariance: tf.tensor1d([]) })),
      /^batchNorm: movingVariance.*\[6\].*\[0\]/,
    ],
    ['no movingMean', bad(() => ({ movingMean: undefined })), /movingMean/],
    [
      'inference: mean too short',
      () =>
        tf.tidy(() =>
          norm.ops.batchNormInference(ones(2, 6), { mean: ones(5), variance: ones(6) }),
        ),
      /^batchNormInference: mean.*\[6\].*\[5\]/,
    ],
    [
      'inference: variance of length 1',
      () =>
        tf.tidy(() =>
          norm.ops.batchNormInference(ones(2, 6), { mean: ones(6), variance: ones(1) }),
        ),
      /^batchNormInference: variance.*\[6\].*\[1\]/,
    ],
    [
      'inference: epsilon 0',
      () =>
        tf.tidy(() =>
          norm.ops.batchNormInference(ones(2, 6), { mean: ones(6), variance: ones(6), epsilon: 0 }),
        ),
      /^batchNormInference: epsilon.*got 0/,
    ],
    [
      'a layer with momentum 2',
      () => norm.layers.batchNormalization({ momentum: 2 }),
      /momentum.*2/,
    ],
    [
      'a layer on an undefined channel dimension',
      () => norm.layers.batchNormalization().build([null, 4, null]),
      /axis 2 undefined/,
    ],
  ],
};

describeNormalizer(batchNorm);
