import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { dot, normal } from '../support/arrays';
import { expectClose, expectSameBits } from '../support/expectClose';
import {
  batchPartition,
  givenStatistics,
  runningStatistics,
  statistics,
} from '../support/reference';
import { disposeLayer, tensor, withGradients } from '../support/tensors';

const shapes: [number[], number][] = [
  [[4, 3, 5, 6], -1],
  [[4, 6, 3], 1],
  [[7, 5], -1],
  [[2, 3, 4, 5], 2],
];

describe('batchNorm running statistics', () => {
  const settings = [
    { momentum: 0.9, unbiased: false },
    { momentum: 0.9, unbiased: true },
    { momentum: 0, unbiased: false },
    { momentum: 1, unbiased: true },
    { momentum: 0.75, unbiased: true, virtualBatchSize: 1 },
  ];
  test.each(shapes.flatMap(([shape, axis]) => settings.map((s) => [shape, axis, s] as const)))(
    '%j axis %d %j',
    (shape, axis, { momentum, unbiased, ...ghosts }: (typeof settings)[number]) => {
      const partition = batchPartition(shape, { axis, ...ghosts });
      const channels = partition.parameterShape;
      const x = normal(shape, 5, { mean: 3, deviation: 2 });
      const old = { mean: normal(channels, 6), variance: normal(channels, 7, { mean: 9 }) };
      const want = runningStatistics(
        statistics(x.data, partition),
        { mean: old.mean.data, variance: old.variance.data },
        momentum,
        unbiased,
      );
      tf.tidy(() => {
        const movingMean = tensor(old.mean);
        const movingVariance = tensor(old.variance);
        const result = norm.ops.batchNorm(tensor(x), {
          movingMean,
          movingVariance,
          axis,
          momentum,
          unbiased,
          ...ghosts,
        });
        expectClose('movingMean', result.movingMean, want.mean, { scaled: 1e-6, relative: 2e-6 });
        expectClose('movingVariance', result.movingVariance, want.variance, {
          scaled: 1e-6,
          relative: 2e-6,
        });
        expectSameBits('the movingMean given', movingMean, Float32Array.from(old.mean.data));
        expectSameBits(
          'the movingVariance given',
          movingVariance,
          Float32Array.from(old.variance.data),
        );
      });
    },
  );

  test('of an empty batch stay as they are', () => {
    tf.tidy(() => {
      const movingMean = tensor(normal([6], 1));
      const movingVariance = tensor(normal([6], 2, { mean: 5 }));
      const result = norm.ops.batchNorm(tf.zeros([0, 3, 6]), { movingMean, movingVariance });
      expect(result.y.shape).toEqual([0, 3, 6]);
      expectSameBits('movingMean', result.movingMean, movingMean);
      expectSameBits('movingVariance', result.movingVariance, movingVariance);
    });
  });
});

describe('batchNormInference', () => {
  test.each(shapes)('%j axis %d: y and all five gradients', (shape, axis) => {
    const partition = batchPartition(shape, { axis });
    const channels = partition.parameterShape;
    const x = normal(shape, 1, { mean: 2, deviation: 2 });
    const dy = normal(shape, 2);
    const gamma = normal(channels, 3, { mean: 1, deviation: 0.3 });
    const beta = normal(channels, 4);
    const mean = normal(channels, 5, { mean: 2 });
    const variance = { ...mean, data: normal(channels, 6).data.map((v) => Math.fround(1 + v * v)) };
    const at = (m: Float64Array, v: Float64Array) =>
      givenStatistics(x.data, partition, { gamma, beta }, m, v, 1e-3);
    const want = at(mean.data, variance.data);
    const grads = want.gradients(dy.data);

    const direction = normal(channels, 8).data;
    const moved = (values: Float64Array, step: number) =>
      values.map((value, i) => value + step * direction[i]!);
    const difference = (f: (step: number) => Float64Array) =>
      (dot(dy.data, f(1e-5)) - dot(dy.data, f(-1e-5))) / 2e-5;
    const tight = { scaled: 1e-6, relative: 1e-6 };
    const slopes = {
      mean: difference((step) => at(moved(mean.data, step), variance.data).y),
      variance: difference((step) => at(mean.data, moved(variance.data, step)).y),
    };
    expectClose('reference dmean', [dot(grads.mean, direction)], [slopes.mean], tight);
    expectClose('reference dvariance', [dot(grads.variance, direction)], [slopes.variance], tight);

    tf.tidy(() => {
      const inputs = [x, gamma, beta, mean, variance].map(tensor);
      const op = (a: Tensor, g: Tensor, b: Tensor, m: Tensor, v: Tensor) =>
        norm.ops.batchNormInference(a, { gamma: g, beta: b, mean: m, variance: v, axis });
      const got = withGradients(op as (...t: Tensor[]) => Tensor, inputs, tensor(dy));
      expectClose('y', got.y, want.y);
      [grads.x, grads.gamma, grads.beta, grads.mean, grads.variance].forEach((expected, i) => {
        expectClose(`d${['x', 'gamma', 'beta', 'mean', 'variance'][i]}`, got.grads[i]!, expected);
      });
    });
  });
});

describe('the batchNormalization layer', () => {
  const shape = [4, 3, 5, 6];
  const x64 = normal(shape, 21, { mean: 2, deviation: 3 });
  const own = statistics(x64.data, batchPartition(shape, {}));

  test('with momentum 0, inference after a training call gives the same', () => {
    const layer = norm.layers.batchNormalization({ momentum: 0 });
    tf.tidy(() => {
      const x = tensor(x64);
      const trained = layer.apply(x, { training: true }) as Tensor;
      expectClose('y', layer.apply(x, { training: false }) as Tensor, trained);
    });
    disposeLayer(layer);
  });

  test('updates its moving statistics in training calls only', () => {
    const layer = norm.layers.batchNormalization({ momentum: 0.5 });
    tf.tidy(() => {
      const x = tensor(x64);
      layer.apply(x, { training: false });
      layer.apply(x);
      expect([...layer.getWeights()[2]!.dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
      layer.apply(x, { training: true });
      layer.apply(x, { training: true });
      const want = runningStatistics(
        own,
        { mean: own.mean.map(() => 0), variance: own.mean.map(() => 1) },
        0.5,
        false,
      );
      const twice = runningStatistics(own, want, 0.5, false);
      expectClose('moving_mean', layer.getWeights()[2]!, twice.mean, { scaled: 1e-6 });
      expectClose('moving_variance', layer.getWeights()[3]!, twice.variance, { scaled: 1e-6 });
    });
    disposeLayer(layer);
  });

  test('is in inference mode when not trainable, as in Keras', () => {
    const layer = norm.layers.batchNormalization({ trainable: false });
    tf.tidy(() => {
      const x = tensor(x64);
      const y = layer.apply(x, { training: true }) as Tensor;
      expect([...layer.getWeights()[2]!.dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
      expectClose(
        'y',
        y,
        x64.data.map((value) => value / Math.sqrt(1 + 1e-3)),
      );
    });
    disposeLayer(layer);
  });

  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('trains with scale %s, center %s', async (scale, center) => {
    const model = tf.sequential({
      layers: [
        norm.layers.batchNormalization({ scale, center, inputShape: shape.slice(1) }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotNormal({ seed: 3 }) }),
      ],
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const x = tensor(x64);
    const y = tf.ones([4, 1]);
    const { history } = await model.fit(x, y, { epochs: 3, verbose: 0 });
    expect(history.loss!.at(-1)).toBeLessThan(history.loss![0] as number);
    expectClose(
      'moving_mean',
      model.layers[0]!.getWeights().at(-2)!,
      own.mean.map((m) => m * (1 - 0.99 ** 3)),
      { scaled: 1e-5 },
    );
    tf.dispose([x, y]);
    model.dispose();
  });
});
