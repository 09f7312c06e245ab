// One norm on one shape: ours forward, backward alone, and both through tf.grads as training runs them; composed too.
import { groupsOf } from './cases.mjs';

function commonTensors(tf, shape) {
  const channels = [shape.at(-1)];
  return tf.tidy(() => ({
    x: tf.randomNormal(shape, 0.5, 1.5, 'float32', 1),
    dy: tf.randomNormal(shape, 0, 1, 'float32', 2),
    gamma: tf.randomNormal(channels, 1, 0.2, 'float32', 3),
    beta: tf.randomNormal(channels, 0, 0.2, 'float32', 4),
    mean: tf.randomNormal(channels, 0.5, 0.1, 'float32', 5),
    variance: tf.randomUniform(channels, 0.5, 2, 'float32', 6),
    none: tf.zeros([0]),
  }));
}

/** The gradient's native op, on what one call of the forward op gave. */
function backwardOf(tf, t, { op, inputs, outputs, gradInputs, attributes, forwardOnly }) {
  const runKernel = (kernel, given, attrs) => tf.engine().runKernel(kernel, given, attrs);
  const made = [runKernel(op, inputs, { ...attributes, ...forwardOnly })].flat();
  const known = { ...Object.fromEntries(outputs.map((name, i) => [name, made[i]])), ...inputs };
  const given = Object.fromEntries(gradInputs.map((name) => [name, known[name]]));
  const run = () => runKernel(`${op}Grad`, { dy: t.dy, x: t.x, ...given }, attributes);
  return { run, made };
}

/** { candidates: name -> function that runs once and frees what it made, dispose }. */
export function candidatesOf({ norm, tf }, entry, shape, batch) {
  const common = commonTensors(tf, shape);
  const own = tf.tidy(() => entry.tensors?.(tf, shape) ?? {});
  const forBatch = { ...common, groups: groupsOf(shape) };
  const t = { ...forBatch, ...own };
  const parameters = (entry.parameters ?? ['gamma', 'beta']).map((name) => t[name]);
  const disposables = [common, own];

  const runAndFree = (make) => () => tf.dispose(make());
  const forward = (op, given = parameters) => runAndFree(() => tf.tidy(() => op(t.x, ...given)));
  const backward = (kernel) => {
    const { run, made } = backwardOf(tf, t, kernel);
    disposables.push(made);
    return runAndFree(run);
  };
  const both = (op) => {
    const gradients = tf.grads(op);
    return runAndFree(() => gradients([t.x, ...parameters], t.dy));
  };

  const ours = entry.ours(norm, t);
  const composed = entry.composed(tf, t);
  const candidates = {
    copy: runAndFree(() => t.x.add(0)),
    forward: forward(ours),
    composedForward: forward(composed),
  };
  if (entry.kernel) {
    candidates.backward = backward(entry.kernel(t));
    candidates.both = both(ours);
    candidates.composedBoth = both(composed);
  }
  if (entry.kernel && entry !== batch) {
    candidates.batchForward = forward(batch.ours(norm, forBatch), [common.gamma, common.beta]);
    candidates.batchBackward = backward(batch.kernel(forBatch));
  }
  for (const [i, { run }] of (entry.loops ?? []).entries()) {
    candidates[`loop${i}`] = forward(run(tf, t, norm));
  }
  return { candidates, dispose: () => tf.dispose(disposables) };
}
