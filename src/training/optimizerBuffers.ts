/** The state that tfjs's optimizers keep for each weight. */
import type { Optimizer, Variable } from '@tensorflow/tfjs-node';
import { opFail } from '../core/errors';
import { tf } from '../tensorflow';
import { WrappedOptimizer } from './wrappedOptimizer';

type Buffers = [string, Variable][];
interface Kept {
  originalName: string;
  variable: Variable;
}

/** By the names of the weights: what is a sum of gradients, and what one of their squares. Wrapped optimizers keep it. */
export function buffersOf(optimizer: Optimizer): { first: Buffers; second: Buffers } {
  if (optimizer instanceof WrappedOptimizer) return buffersOf(optimizer.base);
  const state = optimizer as unknown as Record<string, Kept[]>;
  // tfjs calls them the weight's name with a suffix.
  const of = (list: Kept[] = []): Buffers =>
    list.flatMap((kept) =>
      kept ? [[kept.originalName.slice(0, kept.originalName.lastIndexOf('/')), kept.variable]] : [],
    );
  // By the class itself: to tfjs's instanceof, all optimizers are of all their classes.
  if (optimizer?.constructor === tf.AdamOptimizer) {
    return { first: of(state.accumulatedFirstMoment), second: of(state.accumulatedSecondMoment) };
  }
  if (optimizer?.constructor === tf.MomentumOptimizer)
    return { first: of(state.accumulations), second: [] };
  if (optimizer?.constructor === tf.SGDOptimizer) return { first: [], second: [] };
  return opFail('equiNormalization')(
    'optimizer',
    'must be one of tf.train.sgd, momentum or adam, whose state can be scaled with the weights',
    optimizer?.constructor?.name ?? optimizer,
  );
}
