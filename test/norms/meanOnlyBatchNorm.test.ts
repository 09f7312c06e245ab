import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { expectClose } from '../support/expectClose';
import { meanOnly } from '../support/meanOnlyReference';
import { batchPartition } from '../support/reference';
import { commonBadArguments, EVERY_AFFINE_ARGUMENT } from '../support/table';
import { disposeLayer, memory, tensor } from '../support/tensors';

const { meanOnlyBatchNorm } = norm.ops;
const layerOf = (args: object = {}) => norm.layers.meanOnlyBatchNormalization(args);
const zeros = { className: 'Zeros', config: {} };
const constant = (value: number) => ({ className: 'Constant', config: { value } });

const run = (x: Tensor, { beta, axis = -1, ...options }: Record<string, unknown>): Tensor =>
  tf.tidy(() => {
    const channels = [x.shape?.at(axis as number) ?? 6];
    const movingMean = tf.zeros(channels);
    const given = { movingMean, beta: beta as Tensor, axis: axis as number, ...options };
    return meanOnlyBatchNorm(x, given).y;
  });

const bad = (options: () => object) => () =>
  tf.tidy(() => meanOnlyBatchNorm(tf.ones([2, 4, 6]), options() as never).y);

const cases: Normalizer['cases'] = [
  { shape: [3, 5, 4, 6] },
  { shape: [3, 5, 4, 6], center: false },
  { shape: [4, 6, 5, 3], options: { axis: 1 } },
  { shape: [4, 3, 6, 2], options: { axis: 2 } },
  { shape: [6, 4, 5], options: { axis: 0 } },
  { shape: [7, 12] },
  { shape: [1, 6] },
  { shape: [1, 3, 4, 5] },
  { shape: [2, 3, 4, 2, 5] },
  { shape: [70, 3, 3, 5] },
  { shape: [2, 60, 60, 8] },
  { shape: [4, 3, 5, 6], mean: 1e4, deviation: 0.25 },
  { shape: [0, 3, 3, 6] },
  { shape: [2, 0, 3, 6] },
];

describeNormalizer({
  name: 'meanOnlyBatchNorm',
  scale: false,
  center: true,
  trainingData: { mean: 0.3, deviation: 0.2 },
  invariance: 'proportional',
  independentSamples: false,
  cases: cases.map((c) => ({ ...c, scale: false })),
  op: (x, { beta }, options) => run(x, { ...options, beta }),
  partition: (shape, options) => batchPartition(shape, { axis: options.axis }),
  reference: (x, partition, parameters) => meanOnly(x, partition, parameters),
  layer: {
    className: 'MeanOnlyBatchNormalization',
    create: (args) => layerOf(args),
    defaults: {
      axis: -1,
      momentum: 0.9,
      center: true,
      betaInitializer: zeros,
      betaRegularizer: null,
      betaConstraint: null,
      movingMeanInitializer: zeros,
    },
    usable: {},
    everyArgument: {
      axis: 1,
      momentum: 0.5,
      center: false,
      betaInitializer: EVERY_AFFINE_ARGUMENT.betaInitializer,
      betaRegularizer: EVERY_AFFINE_ARGUMENT.betaRegularizer,
      betaConstraint: EVERY_AFFINE_ARGUMENT.betaConstraint,
      movingMeanInitializer: constant(2),
    },
    weights: (shape, args) => [
      ...(args.center === false ? [] : [{ name: 'beta', shape: [shape.at(-1)!], trainable: true }]),
      { name: 'moving_mean', shape: [shape.at(-1)!], trainable: false },
    ],
  },
  badArguments: [
    ...commonBadArguments(
      'meanOnlyBatchNorm',
      (x, options) => run(x as Tensor, options),
      () => tf.ones([2, 4, 4, 6]),
    ).filter(([what]) => !what.startsWith('epsilon')),
    ['no moving mean', bad(() => ({})), /^meanOnlyBatchNorm: movingMean/],
    [
      'a moving mean of another length',
      bad(() => ({ movingMean: tf.zeros([5]) })),
      /^meanOnlyBatchNorm: movingMean.*\[6\].*\[5\]/,
    ],
    [
      'beta of another length',
      bad(() => ({ movingMean: tf.zeros([6]), beta: tf.zeros([2]) })),
      /^meanOnlyBatchNorm: beta.*\[6\].*\[2\]/,
    ],
    [
      'momentum 1.5',
      bad(() => ({ movingMean: tf.zeros([6]), momentum: 1.5 })),
      /^meanOnlyBatchNorm: momentum/,
    ],
    ['a layer with momentum -1', () => layerOf({ momentum: -1 }), /momentum.*-1/],
    ['a layer with gamma', () => layerOf({ scale: true }), /scale is not an argument/],
  ],
});

describe('the moving mean', () => {
  const x = normal([6, 3, 4], 1, { mean: 5 });

  test('follows the mean', () => {
    const { mean } = meanOnly(x.data, batchPartition(x.shape, {}), {});
    tf.tidy(() => {
      const movingMean = tf.tensor1d([1, 2, 3, 4]);
      const { movingMean: moved } = meanOnlyBatchNorm(tensor(x), { movingMean, momentum: 0.75 });
      expectClose(
        'moved',
        moved,
        mean.map((value, c) => 0.75 * (c + 1) + 0.25 * value),
      );
    });
  });

  test('is what inference subtracts, and frozen layers, exactly', () => {
    const layer = layerOf({ movingMeanInitializer: constant(1e4) });
    layer.build([null, 3, 4] as never);
    const offset = array64(
      x.shape,
      x.data.map((value) => Math.fround(value + 1e4)),
    );
    const want = offset.data.map((value) => value - 1e4);
    tf.tidy(() => {
      const input = tensor(offset);
      expectClose('y', layer.apply(input) as Tensor, want, { absolute: 0 });
      layer.trainable = false;
      expectClose('frozen', layer.apply(input, { training: true }) as Tensor, want, {
        absolute: 0,
      });
      layer.trainable = true;
      layer.apply(input, { training: true });
      const [, moving] = layer.getWeights();
      const { mean } = meanOnly(offset.data, batchPartition(x.shape, {}), {});
      expectClose(
        'moving',
        moving!,
        mean.map((value) => 9e3 + 0.1 * value),
      );
    });
    disposeLayer(layer);
  });

  test('of a batch of one is taken over, and y is beta', () => {
    const before = memory();
    tf.tidy(() => {
      const movingMean = tf.zeros([2]);
      const beta = tf.tensor1d([3, 4]);
      const { y, movingMean: moved } = meanOnlyBatchNorm([[7, 8]], {
        movingMean,
        beta,
        momentum: 0,
      });
      expectClose('y', y, [3, 4], { absolute: 0 });
      expectClose('moved', moved, [7, 8], { absolute: 0 });
    });
    expect(memory()).toEqual(before);
  });
});
