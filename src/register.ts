/**
 * `tfjs-cuda-norm/register`: imported once, before or after the models are made, it lets stock tfjs run its batch and
 * layer normalization native, with no other change in a program:
 *
 *     import 'tfjs-cuda-norm/register';
 *     import * as tf from '@tensorflow/tfjs-node';
 *
 * `tf.layers.batchNormalization` and `tf.layers.layerNormalization` stay the classes that they are, in `instanceof`, in
 * saved models and in their weights; only what their `call` computes is ours, forward and backward, in models that are
 * made and in models that are loaded. `tf.batchNorm` with given statistics is ours too, and graph models that are loaded
 * afterwards go through `norm.useNativeOps`. Where the native ops do not serve a call (another backend, another dtype,
 * an argument out of their domain, gradients of gradients), tfjs's own code computes it, and {@link report} says so.
 *
 * @packageDocumentation
 */
import { replaceBatchNormKernel } from './dropIn/batchNormKernel';
import { replaceGraphLoading } from './dropIn/graphModels';
import { replacedClass, replaceLayerCalls } from './dropIn/layers';
import './norm';

export type { DropInEntry, RegisterReport, StockEntry } from './dropIn/report';
export { report, resetReport } from './dropIn/report';

const REGISTERED = Symbol.for('tfjs-cuda-norm.registered');
// On tfjs's own class, for a second copy of this package must not replace what is replaced.
const owner = replacedClass as { [REGISTERED]?: () => void };

/** Does what importing this module does, again after {@link unregister}. */
export function register(): void {
  if (owner[REGISTERED]) return;
  const undo = [replaceLayerCalls(), replaceBatchNormKernel(), replaceGraphLoading()];
  owner[REGISTERED] = () => {
    for (const one of undo) one();
  };
}

/** Gives tfjs back its own code. */
export function unregister(): void {
  owner[REGISTERED]?.();
  owner[REGISTERED] = undefined;
}

register();
