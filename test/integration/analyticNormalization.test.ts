/** Analytic normalization of models: the moments along the chain, training, saving. */
import type { LayersModel, SymbolicTensor, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { expectNoLeak, tensor } from '../support/tensors';

const { analyticNormalization } = norm;
const SHAPE = [7, 7, 3];
const MOMENTS = { inputMean: [0.5, -1, 2], inputVariance: [1, 4, 0.25] };

const seeded = (seed: number) => norm.initializers.heNormal({ seed });
const conv = (filters: number, args: object = {}) =>
  tf.layers.conv2d({
    filters,
    kernelSize: 3,
    kernelInitializer: seeded(filters),
    biasInitializer: tf.initializers.randomNormal({ seed: filters }),
    ...args,
  });
const dense = (units: number, args: object = {}) =>
  tf.layers.dense({ units, kernelInitializer: seeded(units), ...args });

function sequential(): LayersModel {
  return tf.sequential({
    name: 'chain',
    layers: [
      conv(6, { inputShape: SHAPE, padding: 'same', activation: 'relu', name: 'first' }),
      conv(5, { strides: 2, useBias: false, name: 'second' }),
      tf.layers.reLU(),
      tf.layers.averagePooling2d({ poolSize: 2, strides: 1 }),
      tf.layers.flatten(),
      dense(7, { name: 'third', activation: 'relu' }),
      dense(2, { name: 'last', activation: 'softmax' }),
    ],
  });
}

function functional(): LayersModel {
  const input = tf.input({ shape: [null, null, 3], name: 'pixels' });
  const chain = [
    conv(4),
    tf.layers.activation({ activation: 'relu' }),
    tf.layers.activation({ activation: 'linear' }),
    conv(5, { kernelSize: [1, 2] }),
    tf.layers.activation({ activation: 'tanh' }),
  ];
  const output = chain.reduce((x, layer) => layer.apply(x) as SymbolicTensor, input);
  return tf.model({ inputs: input, outputs: output });
}

const images = (count: number, seed = 1): Tensor =>
  tf.tidy(() => {
    const [mean, variance] = [tf.tensor1d(MOMENTS.inputMean), tf.tensor1d(MOMENTS.inputVariance)];
    const x = tensor(normal([count, ...SHAPE], seed));
    return tf.add(tf.mul(x, tf.sqrt(variance)), mean);
  });
const predict = (model: LayersModel, x: Tensor) =>
  tf.tidy(() => Float32Array.from((model.predict(x) as Tensor).dataSync()));

test.each([
  ['Sequential', sequential],
  ['functional', functional],
] as const)("%s: initial 'same' keeps the predictions, and the model", (_, make) => {
  const model = make();
  const x = images(5);
  const before = predict(model, x);
  const same = analyticNormalization(model, { ...MOMENTS, initial: 'same' });
  expectClose('predictions', predict(same, x), before, { absolute: 1e-5, relative: 1e-5 });
  expectSameBits('the model’s own', predict(model, x), before);
  expect(same.inputs[0]!.shape).toEqual(model.inputs[0]!.shape);
  expect([same.name, same.inputNames]).toEqual([model.name, model.inputNames]);
  const normalized = analyticNormalization(model, MOMENTS);
  const moved = predict(normalized, x).map((v, i) => Math.abs(v - before[i]!));
  expect(Math.max(...moved)).toBeGreaterThan(0.01);
  for (const one of [model, same, normalized]) one.dispose();
  x.dispose();
});

/** The chain of {@link sequential} by the ops, from the weights of its normalized layers. */
function byHand(model: LayersModel, x: Tensor): Tensor {
  const { analyticNormConv2d, analyticNormDense, gaussianReluMoments } = norm.ops;
  const weights = (name: string) =>
    model.getLayer(name).weights.map((weight) => weight.read()) as [Tensor, Tensor, Tensor];
  const options = (mean: Tensor, variance: Tensor, scale: Tensor, bias: Tensor) => ({
    inputMean: mean,
    inputVariance: variance,
    scale,
    bias,
  });
  const [k1, s1, b1] = weights('first');
  const [m0, v0] = [tf.tensor1d(MOMENTS.inputMean), tf.tensor1d(MOMENTS.inputVariance)];
  const first = options(m0, v0, s1, b1);
  let y = tf.relu(analyticNormConv2d(x as Tensor4D, k1 as Tensor4D, { ...first, padding: 'same' }));
  let { mean, variance } = gaussianReluMoments(b1, tf.abs(s1));
  const [k2, s2, b2] = weights('second');
  const second = options(mean, variance, s2, b2);
  y = tf.relu(analyticNormConv2d(y, k2 as Tensor4D, { ...second, strides: 2 }));
  ({ mean, variance } = gaussianReluMoments(b2, tf.abs(s2)));
  const [k3, s3, b3] = weights('third');
  const flat = tf.reshape(tf.avgPool(y, 2, 1, 'valid'), [x.shape[0]!, -1]) as Tensor2D;
  const third = options(mean, tf.div(variance, 4), s3, b3);
  const z = tf.relu(analyticNormDense(flat, k3 as Tensor2D, third));
  ({ mean, variance } = gaussianReluMoments(b3, tf.abs(s3)));
  const [k4, s4, b4] = weights('last');
  return tf.softmax(analyticNormDense(z, k4 as Tensor2D, options(mean, variance, s4, b4)));
}

test('is the ops one after the other, and so are the gradients of all weights', () => {
  tf.tidy(() => {
    const model = analyticNormalization(sequential(), MOMENTS);
    // Scales and biases such that ReLUs cut here and there, and a scale below 0.
    for (const [i, name] of ['first', 'second', 'third', 'last'].entries()) {
      const [kernel, scale, bias] = model.getLayer(name).getWeights();
      const moved = tensor(normal(scale!.shape, 30 + i));
      model.getLayer(name).setWeights([kernel!, tf.add(scale!, moved), tf.add(bias!, moved)]);
    }
    const x = images(4);
    expectClose('y', predict(model, x), byHand(model, x).dataSync() as Float32Array);
    const dy = tensor(normal([4, 2], 9));
    const gradients = (y: () => Tensor) =>
      tf.variableGrads(
        () => tf.sum(tf.mul(y(), dy)),
        model.trainableWeights.map((weight) => weight.read() as never),
      ).grads;
    const got = gradients(() => model.apply(x, { training: true }) as Tensor);
    const want = gradients(() => byHand(model, x));
    expect(Object.keys(got)).toHaveLength(12);
    for (const [name, gradient] of Object.entries(got)) {
      expectClose(name, gradient, want[name]!.dataSync(), { absolute: 2e-6, relative: 1e-4 });
      expect(gradient.abs().max().dataSync()[0]).toBeGreaterThan(0);
    }
  });
});

test('kernels have no scale, in any layer: deep networks neither burst nor vanish', () => {
  tf.tidy(() => {
    const model = tf.sequential();
    for (let i = 0; i < 7; i++) {
      model.add(
        conv(8, { padding: 'same', activation: 'relu', ...(i === 0 && { inputShape: SHAPE }) }),
      );
    }
    model.setWeights(
      model.getWeights().map((w, i) => tf.mul(w, w.rank === 1 ? 0 : 3 ** (i % 3 === 0 ? 4 : 1))),
    );
    const x = images(3);
    const deviation = (of: LayersModel) =>
      Math.sqrt(tf.moments(tf.reshape(of.predict(x) as Tensor, [-1])).variance.dataSync()[0]!);
    expect(deviation(model)).toBeGreaterThan(1e5);
    const normalized = analyticNormalization(model, MOMENTS);
    // That of a rectified normal variable is 0.58.
    expect(deviation(normalized)).toBeGreaterThan(0.2);
    expect(deviation(normalized)).toBeLessThan(2);
    const before = predict(normalized, x);
    normalized.layers[3]!.setWeights(
      normalized.layers[3]!.getWeights().map((w) => (w.rank === 4 ? tf.mul(w, 8) : w)),
    );
    expectClose('predictions', predict(normalized, x), before, { absolute: 1e-5 });
  });
});

test('trains, is saved and loaded, and goes on as it would have', async () => {
  const plain = sequential();
  const model = analyticNormalization(plain, MOMENTS);
  const [x, y] = [
    images(16),
    tf.oneHot(
      Array.from({ length: 16 }, (_, i) => i % 2),
      2,
    ),
  ];
  const train = async (of: LayersModel, epochs: number) => {
    of.compile({ optimizer: tf.train.sgd(0.05), loss: 'categoricalCrossentropy' });
    const options = { epochs, batchSize: 8, shuffle: false, verbose: 0 as const };
    return (await of.fit(x, y, options)).history.loss as number[];
  };
  const losses = await train(model, 5);
  expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
  await saveAndLoad(model, async (loaded) => {
    expectSameBits('predictions', predict(loaded, x), predict(model, x));
    expect(await train(loaded, 2)).toEqual(await train(model, 2));
  });
  tf.dispose([x, y]);
  plain.dispose();
  model.dispose();
});

test('leaves nothing behind', async () => {
  await expectNoLeak(() => {
    const model = sequential();
    const x = images(2);
    const normalized = analyticNormalization(model, { ...MOMENTS, initial: 'same' });
    predict(normalized, x);
    for (const one of [normalized, model, x]) one.dispose();
  });
});
