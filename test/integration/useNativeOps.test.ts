/** Stock tfjs models, their normalization layers replaced. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { memory, tensor } from '../support/tensors';

const INPUT = [8, 8, 3];
const conv = (filters: number) =>
  tf.layers.conv2d({
    filters,
    kernelSize: 3,
    padding: 'same',
    useBias: false,
    kernelInitializer: tf.initializers.heNormal({ seed: filters }),
  });
const dense = (units: number) =>
  tf.layers.dense({ units, kernelInitializer: tf.initializers.glorotNormal({ seed: units }) });

function sequential(): LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: INPUT }),
      conv(6),
      tf.layers.batchNormalization({ name: 'bn', momentum: 0.9 }),
      tf.layers.reLU(),
      tf.layers.flatten(),
      tf.layers.layerNormalization({ name: 'ln' }),
      dense(2),
    ],
  });
}

/** Two branches that share one batch norm, and a residual sum. */
function functional(): LayersModel {
  const input = tf.input({ shape: INPUT });
  const shared = tf.layers.batchNormalization({ name: 'bn', axis: 3, epsilon: 1e-4 });
  const a = shared.apply(conv(4).apply(input)) as SymbolicTensor;
  const b = shared.apply(conv(4).apply(a)) as SymbolicTensor;
  const sum = tf.layers.add().apply([a, b]) as SymbolicTensor;
  const flat = tf.layers.globalAveragePooling2d({}).apply(sum) as SymbolicTensor;
  const ln = tf.layers.layerNormalization({ name: 'ln' }).apply(flat) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: dense(2).apply(ln) as SymbolicTensor });
}

function nested(): LayersModel {
  const inner = tf.sequential({
    name: 'inner',
    layers: [conv(4), tf.layers.batchNormalization({ name: 'bn', inputShape: [8, 8, 4] })].map(
      (layer, i) =>
        i === 0
          ? tf.layers.conv2d({
              filters: 4,
              kernelSize: 1,
              inputShape: INPUT,
              kernelInitializer: tf.initializers.heNormal({ seed: 5 }),
            })
          : layer,
    ),
  });
  return tf.sequential({
    layers: [inner, tf.layers.flatten(), tf.layers.layerNormalization({ name: 'ln' }), dense(2)],
  });
}

const images = (count: number, seed: number) =>
  tensor(normal([count, ...INPUT], seed, { mean: 1, deviation: 2 }));
const compile = (model: LayersModel) =>
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });

function predictions(model: LayersModel): Float32Array {
  return tf.tidy(() => Float32Array.from((model.predict(images(5, 3)) as Tensor).dataSync()));
}

async function train(model: LayersModel, epochs = 3): Promise<number[]> {
  const x = images(16, 1);
  const y = tensor(normal([16, 2], 2));
  const { history } = await model.fit(x, y, { epochs, batchSize: 8, shuffle: false, verbose: 0 });
  tf.dispose([x, y]);
  return history.loss as number[];
}

describe.each([
  ['Sequential', sequential],
  ['functional with a shared layer', functional],
  ['nested', nested],
] as const)('%s', (_, make) => {
  let model: LayersModel;
  beforeEach(async () => {
    // Trained first, so that statistics and parameters are not their initial values.
    model = make();
    compile(model);
    await train(model);
  });
  afterEach(() => model.dispose());

  test('predicts the same after useNativeOps, through native calls', () => {
    const want = predictions(model);
    const names = model.weights.map((w) => w.originalName);
    const report = norm.useNativeOps(model);
    expect(report.model).toBe(model);
    expect(report.replaced.map(({ name }) => name).sort()).toEqual(['bn', 'ln']);
    expect(report.replaced.map(({ from }) => from).sort()).toEqual([
      'BatchNormalization',
      'LayerNormalization',
    ]);
    expect(report.replaced.map(({ to }) => to).sort()).toEqual([
      'NativeBatchNormalization',
      'NativeLayerNormalization',
    ]);
    norm.resetCounters();
    expectClose('predictions', predictions(model), want, { absolute: 1e-5, relative: 1e-5 });
    expect(norm.counters().opCalls > 0).toBe(native);
    expect(model.weights.map((w) => w.originalName)).toEqual(names);
  });

  test('reports nothing left to replace the second time', () => {
    norm.useNativeOps(model);
    expect(norm.useNativeOps(model).replaced).toEqual([]);
  });

  test('trains as the stock model does', async () => {
    const other = make();
    compile(other);
    await train(other);
    norm.useNativeOps(other);
    compile(other);
    compile(model);
    const want = await train(model, 4);
    const got = await train(other, 4);
    expectClose('losses', got, want, { relative: 1e-3 });
    expectClose('predictions', predictions(other), predictions(model), {
      absolute: 2e-3,
      relative: 1e-2,
    });
    other.dispose();
  });

  test('saves to disk and loads back', async () => {
    norm.useNativeOps(model);
    compile(model);
    await train(model);
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
    try {
      await model.save(`file://${folder}`);
      const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
      expectSameBits('predictions', predictions(loaded), predictions(model));
      compile(loaded);
      const losses = await train(loaded);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
      loaded.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('keeps what is not trainable', () => {
    model.getLayer('ln').trainable = false;
    norm.useNativeOps(model);
    expect(model.getLayer('ln').trainable).toBe(false);
    expect(model.getLayer('ln').getClassName()).toBe('NativeLayerNormalization');
  });

  test('leaves no more behind than the stock model does', async () => {
    // A shared layer of tfjs outlives its model: its reference count starts at the number of its calls.
    const left = async (change: (other: LayersModel) => void) => {
      const before = memory();
      const other = make();
      change(other);
      compile(other);
      await train(other, 1);
      other.dispose();
      const after = memory();
      return { tensors: after.tensors - before.tensors, liveBytes: after.liveBytes };
    };
    const stock = await left(() => {});
    expect(await left((other) => void norm.useNativeOps(other))).toEqual(stock);
  });
});

test('a stock model loaded from disk, then replaced, predicts the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
  const model = sequential();
  try {
    await model.save(`file://${folder}`);
    const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
    norm.useNativeOps(loaded);
    expectClose('predictions', predictions(loaded), values(predictions(model)), {
      absolute: 1e-5,
      relative: 1e-5,
    });
    loaded.dispose();
  } finally {
    model.dispose();
    rmSync(folder, { recursive: true });
  }
});
