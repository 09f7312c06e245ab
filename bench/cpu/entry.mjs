// What the bench knows of a norm. A file of bench/cpu/norms is one entry, named after it:
//
//   shapes         of cases.mjs: 'image', 'rows'
//   target         { forward, backward }: on the first shape, as multiples of x.add(0)
//   againstBatch   (optional) target of forward and of backward as multiples of batch norm's
//   tensors        (optional) (tf, shape) -> tensors beside those that every norm is given, or in their place
//   parameters     the tensors that have gradients beside x; gamma and beta unless given
//   ours           (norm, tensors) -> (x, ...parameters) -> y, the public op
//   composed       (tf, tensors) -> (x, ...parameters) -> y from plain tfjs ops, as its users write it today
//   loops          (optional) a list of { what, target, run: (tf, tensors, norm) -> (x, ...parameters) -> y }: the same
//                  sample by sample, and how many times faster than its forward ours must be
//   kernel         (optional) (tensors) -> { op, inputs, outputs, gradInputs, attributes, forwardOnly }: the native
//                  call; outputs are named in their order, and gradInputs are those of the gradient after dy and x
//
// `tensors` has x, dy, gamma, beta, mean, variance, none (of shape [0]), what `tensors` made, and the number `groups`.
import { readdirSync } from 'node:fs';

/** Attributes that most ops have. */
export const COMMON = { epsilon: 1e-3, scale: true, center: true };

export const axesButLast = (x) => Array.from({ length: x.rank - 1 }, (_, i) => i);

/** (x - mean) / sqrt(variance + 1e-3) over these axes, by plain tfjs ops. */
export function standardize(tf, x, axes) {
  const { mean, variance } = tf.moments(x, axes, true);
  return x.sub(mean).mul(variance.add(1e-3).rsqrt());
}

/** name -> module, by name. */
async function loadFolder(name) {
  const folder = new URL(name, import.meta.url);
  const modules = {};
  for (const file of readdirSync(folder).sort()) {
    modules[file.replace('.mjs', '')] = await import(new URL(file, folder));
  }
  return modules;
}

/** name -> entry, by name. */
export async function loadNorms() {
  const modules = await loadFolder('norms/');
  return Object.fromEntries(
    Object.entries(modules).map(([name, module]) => [name, module.default]),
  );
}

/**
 * What works on weights and is no norm of a tensor x, by name. A file of bench/cpu/weights exports `candidatesOf({ norm, tf })`,
 * which gives { candidates: name -> function that runs once and frees what it made, dispose, and facts }, and
 * `print({ ms: name -> ms, and those facts })`.
 */
export const loadWeightMethods = () => loadFolder('weights/');
