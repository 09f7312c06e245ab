// Every native op on TensorFlow's device against the host kernels called directly, with the calls of calls.json.
import { readFileSync } from 'node:fs';

const calls = JSON.parse(readFileSync(new URL('./calls.json', import.meta.url), 'utf8'));
// Inputs that may be any numbers; the others hold codes, variances and the like, for which 1 will do.
const FREE = new Set(['x', 'dy', 'gamma', 'beta', 'residual', 'acc']);
const CODES = { float: 'TF_ATTR_FLOAT', int: 'TF_ATTR_INT', bool: 'TF_ATTR_BOOL' };

/** The same numbers, in (-1, 1), in every process. */
export function numbers(count, seed) {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const size = (shape) => shape.reduce((product, extent) => product * extent, 1);

function inputsOf(call) {
  return Object.entries(call.inputs).map(([name, shape], i) => ({
    data: FREE.has(name) ? numbers(size(shape), i + 1) : new Float32Array(size(shape)).fill(1),
    shape,
  }));
}

function onTensorFlow(tf, op, call, inputs) {
  const backend = tf.findBackend('tensorflow');
  const typed = op.attributes
    .filter(({ name }) => name in call.attributes)
    .map(({ name, type }) => ({
      name,
      type: backend.binding[CODES[type]],
      value: call.attributes[name],
    }));
  if (op.lists.length > 0) {
    typed.push({ name: 'N', type: backend.binding.TF_ATTR_INT, value: 1 });
  }
  return tf.tidy(() =>
    backend
      .executeMultipleOutputs(
        call.name,
        typed,
        inputs.map(({ data, shape }) => tf.tensor(data, shape)),
        call.outputs,
      )
      .map((tensor) => Array.from(tensor.dataSync())),
  );
}

/** `{ name: { values, expected, milliseconds } | { error } }` of every op that the library declares. */
export function runRawOps(tf, { addon, description }) {
  const results = {};
  for (const op of description.ops) {
    const call = calls.find(({ name }) => name === op.name);
    if (!call) {
      results[op.name] = { error: 'doctor has no call of it' };
      continue;
    }
    const inputs = inputsOf(call);
    try {
      const started = performance.now();
      const values = onTensorFlow(tf, op, call, inputs);
      const milliseconds = performance.now() - started;
      const expected = addon.run(op.name, 'host', inputs, call.attributes);
      results[op.name] = {
        values,
        expected: expected.map(({ data }) => Array.from(data)),
        milliseconds,
      };
    } catch (error) {
      results[op.name] = { error: error.message };
    }
  }
  return results;
}
