/** Generalized Hamming distances to the columns of a matrix. */
import type { Tensor, Tensor2D, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions, sizeOf } from '../core/checks';
import { opFail } from '../core/errors';
import type { HammingOptions } from '../core/hamming';
import { toInput, toTensor } from '../core/tensors';
import { tf } from '../tensorflow';
import { runEpilogue } from './generalizedHamming';

function hammingDense_<T extends Tensor>(
  value: T | TensorLike,
  weights: Tensor | TensorLike,
  given?: HammingOptions,
): T {
  const fail = opFail('hammingDense');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 2);
  const kernel = toTensor(fail, 'kernel', weights);
  const inputs = x.shape.at(-1)!;
  if (kernel.rank !== 2 || kernel.shape[0] !== inputs || inputs === 0) {
    fail('kernel', `must have shape [${inputs}, units], with one input or more`, kernel.shape);
  }
  const rows = tf.reshape(tf.sub(x, 0.5), [sizeOf(x.shape.slice(0, -1)), inputs]);
  const acc = tf.matMul(rows as Tensor2D, tf.sub(kernel, 0.5) as Tensor2D);
  const y = runEpilogue(fail, acc, inputs, options);
  return tf.reshape(y, [...x.shape.slice(0, -1), kernel.shape[1]!]) as T;
}

/**
 * A dense layer by generalized Hamming distances, h(a, b) = a + b - 2ab, in the place of products: its bias follows
 * from input and weights.
 *
 *     g = mean over l of h(x[l], w[l, o])    c = 1/2 - g = (2 / L) sum over l of (x[l] - 1/2) (w[l, o] - 1/2)
 *
 * thresholded and given out as `hammingEpilogue` says. `x` is [..., L] and `kernel` [L, units]; y is [..., units].
 * Inputs should be within [0, 1]. 1/2 is the fuzziest value: an input or a column of weights that is 1/2 throughout
 * passes no gradient on. Differentiable by `x`, `kernel` and, with the soft threshold, `r`.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Fan, Revisit Fuzzy Neural Network: Demystifying Batch Normalization and ReLU with Generalized Hamming Network,
 * arXiv 1710.10328.
 */
export const hammingDense = tf.op({ hammingDense_ }) as typeof hammingDense_;
