// Child process of doctor: runs every op, forward and backward, on whatever device the package takes, and prints the
// numbers. doctor runs it twice, native and composed, and compares.
//   node selftest.mjs PATH_OF_DIST_INDEX
import { pathToFileURL } from 'node:url';

const { tf, norm } = await import(pathToFileURL(process.argv[2]));

/** The same numbers in every process. */
function numbers(shape, seed) {
  let state = seed;
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 31 - 1;
    }),
    shape,
  );
}

const x = numbers([4, 6, 5, 8], 1);
const dy = numbers([4, 6, 5, 8], 2);
const gamma = numbers([8], 3);
const beta = numbers([8], 4);
const mean = numbers([8], 5);
const variance = numbers([8], 6).abs().add(0.5);
const { ops } = norm;
const OPS = {
  batchNorm: (x, gamma, beta) =>
    ops.batchNorm(x, { gamma, beta, movingMean: mean, movingVariance: variance }).y,
  batchNormInference: (x, gamma, beta) =>
    ops.batchNormInference(x, { gamma, beta, mean, variance }),
  groupNorm: (x, gamma, beta) => ops.groupNorm(x, { groups: 4, gamma, beta }),
  instanceNorm: (x, gamma, beta) => ops.instanceNorm(x, { gamma, beta }),
  layerNorm: (x, gamma, beta) => ops.layerNorm(x, { gamma, beta }),
  rmsNorm: (x, gamma) => ops.rmsNorm(x, { gamma }),
};

const results = {};
for (const [name, op] of Object.entries(OPS)) {
  const started = performance.now();
  try {
    const inputs = name === 'rmsNorm' ? [x, gamma] : [x, gamma, beta];
    const y = op(...inputs);
    const gradients = tf.grads(op)(inputs, dy);
    const values = [y, ...gradients].map((tensor) => Array.from(tensor.dataSync()));
    results[name] = { values, milliseconds: performance.now() - started };
  } catch (error) {
    results[name] = { error: error.message };
  }
}
process.stdout.write(
  `selftest:${JSON.stringify({ device: norm.device(), calls: norm.counters().opCalls, results })}\n`,
);
