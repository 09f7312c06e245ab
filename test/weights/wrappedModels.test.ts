/** Models with wrapped layers: trained, saved and loaded, as TF-Addons writes them, and with states of recurrent layers. */
import type { LayersModel, layers, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { expectNoLeak, tensor } from '../support/tensors';
import { weightOf } from './wrapped';

const predict = (model: LayersModel, x: Tensor | Tensor[]) =>
  Float32Array.from(tf.tidy(() => (model.predict(x) as Tensor).dataSync()));

const WRAPPERS = [
  ['weightNormalization', norm.layers.weightNormalization, {}],
  // Kernels of the length of the gain, where those of other modes are longer than these layers bear.
  ['weightStandardization', norm.layers.weightStandardization, { mode: 'scaled' }],
] as const;

test.each(WRAPPERS)('a model wrapped with %s trains, saves, loads', async (name, wrapOne, own) => {
  await expectNoLeak(async () => {
    const wrap = (layer: layers.Layer, args = {}) => wrapOne({ layer, ...own, ...args } as never);
    const initializer = (seed: number) => tf.initializers.heNormal({ seed });
    const [kernelInitializer, depthwiseInitializer] = [initializer(1), initializer(2)];
    const conv = { filters: 4, kernelSize: 3, activation: 'relu', kernelInitializer } as const;
    const model = tf.sequential({
      layers: [
        wrap(tf.layers.conv2d(conv), { inputShape: [6, 6, 1] }),
        wrap(tf.layers.depthwiseConv2d({ kernelSize: 3, depthwiseInitializer } as never)),
        tf.layers.flatten(),
        wrap(tf.layers.dense({ units: 2, activation: 'softmax', kernelInitializer })),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(0.02), loss: 'categoricalCrossentropy' });
    // Which half of the image is brighter.
    const values = normal([32, 6, 6, 1], 1);
    values.data.forEach((value, i) => {
      const [sample, row] = [Math.floor(i / 36), Math.floor(i / 6) % 6];
      values.data[i] = value + (row < 3 === (sample % 2 === 0) ? 2 : 0);
    });
    const x = tensor(values);
    const labels = Array.from({ length: 32 }, (__, i) => i % 2);
    const y = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 2).toFloat());
    const { history } = await model.fit(x, y, {
      epochs: 6,
      batchSize: 16,
      shuffle: false,
      verbose: 0,
    });
    expect(history.loss!.at(-1)).toBeLessThan(0.7 * (history.loss![0] as number));
    const want = predict(model, x);
    const weights = model.getWeights().map((w) => [...w.dataSync()]);
    await saveAndLoad(model, async (loaded) => {
      expect(loaded.layers[0]!.getClassName().toLowerCase()).toBe(name.toLowerCase());
      expectClose('loaded', predict(loaded, x), want, { absolute: 0 });
      loaded.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
      await loaded.fit(x, y, { epochs: 1, verbose: 0 });
      expect(loaded.getWeights().map((w) => [...w.dataSync()])).not.toEqual(weights);
      (loaded as unknown as { optimizer: { dispose(): void } }).optimizer.dispose();
    });
    tf.dispose([x, y]);
    (model as unknown as { optimizer: { dispose(): void } }).optimizer.dispose();
    model.dispose();
  });
});

describe('models of TF-Addons', () => {
  const KERNEL = [
    [3, 0],
    [4, 2],
  ];
  type Weight = [name: string, values: number[], dtype?: 'bool'];

  /** A model file as Keras and the converter write it, with one wrapped layer. */
  function load(
    layer: object,
    config: object,
    inputShape: number[],
    weights: Weight[],
    shapes: number[][],
  ) {
    const weightSpecs = weights.map(([name, , dtype = 'float32'], i) => ({
      name: `wn/${name}`,
      shape: shapes[i]!,
      dtype,
    }));
    const bytes = weights.flatMap(([, values, dtype]) => [
      ...new Uint8Array((dtype ? Uint8Array : Float32Array).from(values).buffer),
    ]);
    return tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: {
          class_name: 'Sequential',
          config: [
            {
              class_name: 'Addons>WeightNormalization',
              config: {
                name: 'wn',
                trainable: true,
                batch_input_shape: [null, ...inputShape],
                dtype: 'float32',
                layer,
                ...config,
              },
            },
          ],
          keras_version: '2.15.0',
          backend: 'tensorflow',
        },
        weightSpecs,
        weightData: Uint8Array.from(bytes).buffer,
      } as never),
    );
  }
  const dense = (bias: boolean) => ({
    class_name: 'Dense',
    config: { name: 'dense', units: 2, use_bias: bias, activation: 'linear', dtype: 'float32' },
  });

  test.each([true, false])('load with their weights, data_init %s', async (dataInit) => {
    const own: Weight[] = [
      ['g', [10, 6]],
      ['initialized', [1], 'bool'],
      ['kernel', KERNEL.flat()],
      ['bias', [1, -1]],
    ];
    const copies: Weight[] = [
      ['data_dep_init/kernel', [7, 7, 7, 7]],
      ['data_dep_init/bias', [7, 7]],
    ];
    const shapes = [[2], [], [2, 2], [2], [2, 2], [2]];
    const weights = dataInit ? [...own, ...copies] : own;
    const model = await load(dense(true), { data_init: dataInit }, [2], weights, shapes);
    expect(model.layers[0]).toBeInstanceOf(norm.layers.WeightNormalization);
    // 10 * (3, 4) / 5 and 6 * (0, 2) / 2.
    const x = tf.tensor2d([[1, 2]]);
    expectClose('y', predict(model, x), [6 + 16 + 1, 12 - 1]);
    await saveAndLoad(model, (again) => {
      expect(again.layers[0]!.getConfig()).toEqual(model.layers[0]!.getConfig());
      expectClose('again', predict(again, x), [23, 11]);
    });
    x.dispose();
    model.dispose();
  });

  test('a file from before the first call computes what the layer would, once called', async () => {
    const weights: Weight[] = [
      ['g', [1, 1]],
      ['initialized', [0], 'bool'],
      ['kernel', KERNEL.flat()],
    ];
    const model = await load(dense(false), { data_init: false }, [2], weights, [[2], [], [2, 2]]);
    const x = tf.tensor2d([[1, 2]]);
    expectClose('y', predict(model, x), [11, 4]);
    expectClose('g', weightOf(model.layers[0]!, 'g').read(), [5, 2]);
    x.dispose();
    model.dispose();
  });

  test('norms of transposed convolutions are over all axes but the last', async () => {
    const layer = {
      class_name: 'Conv2DTranspose',
      config: { name: 'up', filters: 1, kernel_size: [1, 1], strides: [1, 1], use_bias: false },
    };
    const weights: Weight[] = [
      ['g', [2, 3]],
      ['initialized', [1], 'bool'],
      ['kernel', [5, 7]],
    ];
    const model = await load(layer, { data_init: false }, [1, 1, 2], weights, [
      [2],
      [],
      [1, 1, 1, 2],
    ]);
    const x = tf.tensor4d([10, 100], [1, 1, 1, 2]);
    expectClose('y', predict(model, x), [2 * 10 + 3 * 100]);
    x.dispose();
    model.dispose();
  });
});

describe('recurrent layers', () => {
  // tfjs itself warns of the states among the arguments of the call, which are saved as its inputs.
  beforeAll(() => jest.spyOn(console, 'warn').mockImplementation(() => {}));
  afterAll(() => jest.restoreAllMocks());

  const UNITS = 3;
  const lstm = (args = {}) => tf.layers.lstm({ units: UNITS, ...args });
  const wrap = (layer: layers.Layer) => norm.layers.weightNormalization({ layer });

  test('take an initial state in a call', () => {
    tf.tidy(() => {
      const inner = lstm();
      const x = tensor(normal([2, 4, 2], 1));
      const states = [tensor(normal([2, UNITS], 2)), tensor(normal([2, UNITS], 3))];
      const want = inner.apply(x, { initialState: states }) as Tensor;
      const wrapped = wrap(inner);
      const got = wrapped.apply(x, { initialState: states }) as Tensor;
      expectClose('y', got, want.dataSync());
      expectClose('as inputs', wrapped.apply([x, ...states]) as Tensor, want.dataSync());
      const without = (wrapped.apply(x) as Tensor).dataSync();
      expect(Math.max(...without.map((y, i) => Math.abs(y - got.dataSync()[i]!)))).toBeGreaterThan(
        0.01,
      );
      wrapped.dispose();
    });
  });

  test('take the states of another one in a model, which trains, saves, loads', async () => {
    await expectNoLeak(async () => {
      const [first, second] = [tf.input({ shape: [4, 2] }), tf.input({ shape: [5, 2] })];
      const encoder = wrap(lstm({ returnState: true }));
      const [, h, c] = encoder.apply(first) as SymbolicTensor[];
      const decoder = wrap(lstm());
      const outputs = decoder.apply(second, { initialState: [h!, c!] }) as SymbolicTensor;
      const model = tf.model({ inputs: [first, second], outputs });
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      const x = [tensor(normal([3, 4, 2], 1)), tensor(normal([3, 5, 2], 2))];
      const y = tf.ones([3, UNITS]);
      const before = predict(model, x);
      const other = tf.tidy(() => predict(model, [x[0]!.mul(2), x[1]!]));
      expect(Math.max(...before.map((value, i) => Math.abs(value - other[i]!)))).toBeGreaterThan(
        1e-3,
      );
      const g = [...weightOf(encoder, 'g').read().dataSync()];
      await model.fit(x, y, { epochs: 2, verbose: 0 });
      expect([...weightOf(encoder, 'g').read().dataSync()]).not.toEqual(g);
      const want = predict(model, x);
      await saveAndLoad(model, (loaded) => {
        expectClose('loaded', predict(loaded, x), want, { absolute: 0 });
      });
      tf.dispose([x, y]);
      model.dispose();
    });
  });

  test('keep their states between the batches of a stateful model', () => {
    const model = tf.sequential({
      layers: [
        norm.layers.weightNormalization({
          layer: lstm({ stateful: true }),
          batchInputShape: [2, 3, 2],
        }),
      ],
    });
    const x = tensor(array64([2, 3, 2], normal([12], 1).data));
    const [first, second] = [predict(model, x), predict(model, x)];
    expect([...second]).not.toEqual([...first]);
    model.resetStates();
    expectClose('after a reset', predict(model, x), first, { absolute: 0 });
    x.dispose();
    model.dispose();
  });
});
