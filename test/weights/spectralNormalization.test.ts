/** The spectral normalization layer. */
import type { layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';
import { everyLayer, inputOf, type Wrapped, weightOf, withKernel } from './wrapped';

const wrap = (layer: layers.Layer, args: object = {}) =>
  norm.layers.spectralNormalization({ layer, ...args });
const copyOf = (layer: layers.Layer, name: string) => weightOf(layer, name).read().clone();

const embedding: Wrapped = {
  name: 'embedding',
  make: (args) => tf.layers.embedding({ inputDim: 6, outputDim: 4, ...args }),
  shape: [3, 2],
  kernel: 'embeddings',
  axis: -1,
  gains: [4],
};
const input = (wrapped: Wrapped) =>
  wrapped === embedding ? tf.tensor2d([0, 5, 1, 2, 3, 4], [3, 2], 'int32') : inputOf(wrapped);

describe.each([...everyLayer, embedding])('spectralNormalization of $name', (wrapped) => {
  const { make, kernel } = wrapped;

  test('divides the kernel by sigma, and improves u in training', () =>
    expectNoLeak(() =>
      tf.tidy(() => {
        const layer = wrap(make(), { powerIterations: 2 });
        const x = input(wrapped);
        layer.build(x.shape);
        layer.built = true;
        const [u, w] = [copyOf(layer, 'vector_u'), copyOf(layer, kernel)];
        expect(u.shape).toEqual([1, w.shape.at(-1)]);
        const compare = (training: boolean, iterations: number) => {
          const start = copyOf(layer, 'vector_u');
          const y = layer.apply(x, { training }) as Tensor;
          const want = norm.ops.spectralNorm(w, { u: start.reshape([-1]), iterations });
          const plain = withKernel(wrapped, {}, layer, want.y);
          expectClose('y', y, (plain.apply(x) as Tensor).dataSync());
          disposeLayer(plain);
          expectSameBits('u', copyOf(layer, 'vector_u').reshape([-1]), want.u);
        };
        compare(true, 2);
        compare(false, 0);
        compare(true, 2);
        expectSameBits('w', copyOf(layer, kernel), w);
        layer.trainable = false;
        compare(true, 0);
        disposeLayer(layer);
      }),
    ));
});

const model = () => {
  const initializer = (seed: number) => tf.initializers.glorotNormal({ seed });
  const make = tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: [5] }),
      wrap(tf.layers.dense({ units: 8, kernelInitializer: initializer(1) }), { name: 'spectral' }),
      tf.layers.reLU(),
      tf.layers.dense({ units: 1, kernelInitializer: initializer(2) }),
    ],
  });
  make.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  return make;
};
const fit = async (of: ReturnType<typeof model>) => {
  const [x, y] = [tensor(normal([32, 5], 1)), tensor(normal([32, 1], 2))];
  const { history } = await of.fit(x, y, { epochs: 20, batchSize: 32, shuffle: false, verbose: 0 });
  tf.dispose([x, y]);
  return history.loss as number[];
};

test('trains to a kernel of spectral norm 1, saves and loads', async () => {
  const made = model();
  const losses = await fit(made);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  const predict = (of: typeof made) =>
    tf.tidy(() => Float32Array.from(values(of.predict(tensor(normal([4, 5], 3))) as Tensor)));
  await saveAndLoad(made, (loaded) => {
    expectSameBits('predictions', predict(loaded as typeof made), predict(made));
  });
  const before = predict(made);
  tf.tidy(() => {
    const wrapper = made.getLayer('spectral') as ReturnType<typeof wrap>;
    const w = weightOf(wrapper, 'kernel').read();
    const { sigma } = norm.ops.spectralNorm(w, { u: tf.ones([8]), iterations: 200 });
    // One iteration a step has followed it.
    const used = norm.ops.spectralNorm(w, {
      u: weightOf(wrapper, 'vector_u').read().reshape([-1]),
      iterations: 0,
    });
    expectClose('sigma', used.sigma, sigma, { relative: 0.02 });
    // The layer alone computes what the wrapper did.
    const plain = wrapper.remove();
    const x = tensor(normal([4, 5], 3));
    const y = made.layers[2]!.apply(plain.apply(x)) as Tensor;
    expectClose('y', made.layers[3]!.apply(y) as Tensor, before);
  });
  made.dispose();
});

test('keeps its arguments through JSON and has Keras’ defaults', () => {
  const layer = wrap(tf.layers.dense({ units: 3 }), { powerIterations: 4, name: 'sn' });
  expect(wrap(tf.layers.dense({ units: 3 })).getConfig()).toMatchObject({ powerIterations: 1 });
  const config = JSON.parse(JSON.stringify(layer.getConfig()));
  expect(config).toMatchObject({ powerIterations: 4, name: 'sn', layer: { className: 'Dense' } });
  const { SpectralNormalization } = norm.layers;
  const again = SpectralNormalization.fromConfig(SpectralNormalization as never, config);
  expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
});

test.each<[RegExp, () => unknown]>([
  [
    /powerIterations must be a positive integer.*=0/,
    () => wrap(tf.layers.dense({ units: 1 }), { powerIterations: 0 }),
  ],
  [/powerIterations.*=-2/, () => wrap(tf.layers.dense({ units: 1 }), { powerIterations: -2 })],
  [/axis is not an argument/, () => wrap(tf.layers.dense({ units: 1 }), { axis: -1 })],
  [/layer must be a layer/, () => wrap(undefined as never)],
  [/layer must have a kernel/, () => wrap(tf.layers.reLU()).build([null, 3])],
])('refuses: %s', (message, call) => {
  expect(() => void call()).toThrow(message);
});
