/** Small models with normalization layers of tfjs: `bn`, a batch norm, and `ln`, a layer norm before the last layer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayersModel, layers, Optimizer, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { tf } from '../../src';
import { normal } from './arrays';
import { tensor } from './tensors';

export const INPUT = [8, 8, 3];
export const conv = (filters: number) =>
  tf.layers.conv2d({
    filters,
    kernelSize: 3,
    padding: 'same',
    useBias: false,
    kernelInitializer: tf.initializers.heNormal({ seed: filters }),
  });
export const dense = (units: number) =>
  tf.layers.dense({ units, kernelInitializer: tf.initializers.glorotNormal({ seed: units }) });

export function sequential(): LayersModel {
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
export function functional(): LayersModel {
  const input = tf.input({ shape: INPUT });
  const shared = tf.layers.batchNormalization({ name: 'bn', axis: 3, epsilon: 1e-4 });
  const a = shared.apply(conv(4).apply(input)) as SymbolicTensor;
  const b = shared.apply(conv(4).apply(a)) as SymbolicTensor;
  const sum = tf.layers.add().apply([a, b]) as SymbolicTensor;
  const flat = tf.layers.globalAveragePooling2d({}).apply(sum) as SymbolicTensor;
  const ln = tf.layers.layerNormalization({ name: 'ln' }).apply(flat) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: dense(2).apply(ln) as SymbolicTensor });
}

export function nested(): LayersModel {
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

export const images = (count: number, seed: number) =>
  tensor(normal([count, ...INPUT], seed, { mean: 1, deviation: 2 }));
export const compile = (model: LayersModel, optimizer: string | Optimizer = 'sgd') =>
  model.compile({ optimizer, loss: 'meanSquaredError' });

export function predictions(model: LayersModel): Float32Array {
  return tf.tidy(() => Float32Array.from((model.predict(images(5, 3)) as Tensor).dataSync()));
}

export async function train(model: LayersModel, epochs = 3): Promise<number[]> {
  const x = images(16, 1);
  const y = tensor(normal([16, 2], 2));
  const { history } = await model.fit(x, y, { epochs, batchSize: 8, shuffle: false, verbose: 0 });
  tf.dispose([x, y]);
  return history.loss as number[];
}

export const models = [
  ['Sequential', sequential],
  ['functional with a shared layer', functional],
  ['nested', nested],
] as const;

/** Saves to disk, loads, and runs `body` on what came back. */
export async function saveAndLoad(
  model: LayersModel,
  body: (loaded: LayersModel) => void | Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
  try {
    await model.save(`file://${folder}`);
    const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
    await body(loaded);
    loaded.dispose();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Also of layers in nested models. */
export function findLayer(model: LayersModel, name: string): layers.Layer {
  for (const layer of model.layers) {
    if (layer.name === name) return layer;
  }
  for (const layer of model.layers) {
    if ('layers' in layer) return findLayer(layer as unknown as LayersModel, name);
  }
  throw new Error(`no layer ${name}`);
}

/** By their names in the layer. */
export const weightsOf = (layer: layers.Layer) =>
  Object.fromEntries(
    layer.weights.map((w) => [
      w.originalName.split('/').at(-1)!,
      Float32Array.from(w.read().dataSync()),
    ]),
  );
