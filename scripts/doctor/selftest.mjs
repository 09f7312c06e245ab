// Child process of doctor: runs every op, forward and backward, on whatever device the package takes, and prints the
// numbers. doctor runs it twice, native and composed, and compares. Where our ops are registered with TensorFlow, every
// native op runs on its device too, against the host kernels.
//   node selftest.mjs PATH_OF_DIST_INDEX [PATH_OF_TFJS_NODE]
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import util from 'node:util';
import { numbers, runRawOps } from './rawOps.mjs';

const require = createRequire(process.argv[2]);
// The package takes the tfjs-node that is loaded: the one that doctor looked at, which its own folder may not see.
if (process.argv[3]) {
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  try {
    require(process.argv[3]);
  } catch {
    // The package says why.
  }
}
const { tf, norm } = await import(pathToFileURL(process.argv[2]));
const { nativeLibrary } = require('./native.js');

const random = (shape, seed) => tf.tensor(numbers(tf.util.sizeFromShape(shape), seed), shape);
const x = random([4, 6, 5, 8], 1);
const dy = random([4, 6, 5, 8], 2);
const gamma = random([8], 3);
const beta = random([8], 4);
const mean = random([8], 5);
const variance = random([8], 6).abs().add(0.5);
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
const raw = nativeLibrary?.registered ? runRawOps(tf, nativeLibrary) : {};
const calls = norm.counters().opCalls;
process.stdout.write(
  `selftest:${JSON.stringify({ device: norm.device(), calls, results, raw }, (_key, value) =>
    // JSON has neither NaN nor infinities.
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )}\n`,
);
