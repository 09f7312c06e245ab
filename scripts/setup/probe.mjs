// Whether a tfjs-node loads, tried in a child process, and where its binding belongs.
import { join } from 'node:path';
import { run, tail } from './process.mjs';
import { readJson } from './store.mjs';

// tfjs-node 4.22.0 calls two functions that Node 23 removed from util.
const PROBE = `
const util = require('node:util');
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const tf = require(process.argv[1]);
process.stdout.write('probe:' + JSON.stringify({
  version: tf.backend().binding.TF_Version, gpu: tf.backend().isUsingGpuDevice, backend: tf.getBackend() }) + '\\n');
const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).arraySync();
if (JSON.stringify(product) !== '[[17],[39]]') throw new Error('matMul gave ' + JSON.stringify(product));
process.stdout.write('computed');
`;

/**
 * Loads tfjs-node in a child process and multiplies two matrices on its device: `{ works, version, gpu, reason }`. The
 * version and the device are known as soon as it loads, also where it cannot multiply.
 */
export async function probe(context, tfjsNode) {
  const result = await run(process.execPath, ['-e', PROBE, tfjsNode], {
    env: { TF_CPP_MIN_LOG_LEVEL: '2', ...context.env },
    cwd: context.project,
  });
  const found = /probe:(\{.*\})/.exec(result.stdout)?.[1];
  const facts = found ? JSON.parse(found) : {};
  if (result.code === 0 && result.stdout.endsWith('computed')) {
    return { works: true, ...facts };
  }
  const reason = result.signal
    ? `died of ${result.signal}`
    : (/^\w*Error: .*$/m.exec(result.output)?.[0] ?? tail(result.output, 3));
  const where = facts.gpu ? 'GPU' : 'CPU';
  return {
    works: false,
    ...facts,
    reason: found
      ? `it loads, and multiplying two matrices on its ${where} fails: ${reason}`
      : reason,
  };
}

/** Where tfjs-node's loader (node-pre-gyp) looks for its binding under this Node, and the N-API version of it. */
export function bindingPlace(tfjsNode) {
  const { binary } = readJson(join(tfjsNode, 'package.json'));
  const napi = Math.max(
    ...binary.napi_versions.filter((version) => version <= Number(process.versions.napi)),
  );
  const folder = binary.module_path.replace('{napi_build_version}', napi);
  return { napi, path: join(tfjsNode, folder, `${binary.module_name}.node`) };
}
