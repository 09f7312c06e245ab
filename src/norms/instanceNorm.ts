/** The instance norm op: the group norm kernel with one group for each channel. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { opFail } from '../core/errors';
import type { AffineOptions } from '../core/parameters';
import { tf } from '../tensorflow';
import { runGroupNorm } from './groupNorm';

/** Options of {@link instanceNorm}. */
export interface InstanceNormOptions extends AffineOptions {
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

function instanceNorm_<T extends Tensor>(x: T | TensorLike, given?: InstanceNormOptions): T {
  const fail = opFail('instanceNorm');
  const options = checkOptions(fail, given);
  return runGroupNorm(fail, x, options, (channels) => Math.max(1, channels)) as T;
}

/**
 * Instance normalization: each channel of each sample is normalized over its positions.
 *
 *     mu = mean(x)    var = mean((x - mu)^2)    y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * The same in training and inference. `x` has rank 2 or more; `gamma` and `beta` have shape [C]; `y` has the shape of
 * `x`. One position (rank 2 for example) gives y = beta.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Ulyanov, Vedaldi & Lempitsky, Instance Normalization, arXiv 1607.08022.
 */
export const instanceNorm = tf.op({ instanceNorm_ }) as typeof instanceNorm_;
