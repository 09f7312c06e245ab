/** Spectral normalization of a kernel: the public function, made of tfjs's products. */
import type { Tensor, Tensor2D, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkOptions, sizeOf } from '../core/checks';
import { opFail } from '../core/errors';
import { toParameter, toTensor } from '../core/tensors';
import { tf } from '../tensorflow';

/** Options of {@link spectralNorm}. */
export interface SpectralNormOptions {
  /** The guess at the right singular vector, [out]: the last call's `u`, at first random numbers. */
  u: Tensor | TensorLike;
  /** The guess at the left one, [everything else]. Only without iterations; default that which u gives. */
  v?: Tensor | TensorLike;
  /** How often the guesses are improved; 0 or more. Default 1. */
  iterations?: number;
  /** The least length that is divided by; greater than 0. Default 1e-12. */
  epsilon?: number;
}

/** What {@link spectralNorm} gives. */
export interface SpectralNormResult<T extends Tensor = Tensor> {
  /** The kernel divided by sigma. */
  y: T;
  /** The improved guesses, of length 1. */
  u: Tensor;
  v: Tensor;
  /** The estimate of the largest singular value, []. */
  sigma: Tensor;
}

/** x / max(||x||, epsilon); of a NaN all is NaN. */
function unit(x: Tensor, epsilon: number): Tensor {
  const length = tf.norm(x);
  return tf.div(x, tf.where(tf.less(length, epsilon), tf.scalar(epsilon), length));
}

/**
 * The kernel divided by sigma = v.A u, in whose gradient u and v are constants. A sigma that is no more than epsilon,
 * of a kernel of zeros, divides and moves nothing.
 */
function divided(kernel: Tensor, u: Tensor, v: Tensor, sigma: Tensor): Tensor {
  const divide = tf.customGrad((...given) => {
    const [w, save] = given as unknown as [Tensor, (tensors: Tensor[]) => void];
    const y = tf.div(w, sigma);
    save([y, u, v, sigma]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [normalized, right, left, by] = saved as [Tensor, Tensor, Tensor, Tensor];
        const outer = tf.outerProduct(left as never, right as never);
        const along = tf.mul(tf.sum(tf.mul(dy, normalized)), tf.reshape(outer, dy.shape));
        return [tf.div(tf.sub(dy, along), by)];
      },
    };
  });
  return divide(kernel);
}

function spectralNorm_<T extends Tensor>(
  value: T | TensorLike,
  given: SpectralNormOptions,
): SpectralNormResult<T> {
  const fail = opFail('spectralNorm');
  const options = checkOptions(fail, given);
  const kernel = toTensor(fail, 'kernel', value);
  if (kernel.rank < 2 || kernel.size === 0) {
    fail('kernel', 'must have rank 2 or more, and elements', kernel.shape);
  }
  const { iterations = 1 } = options;
  if (!Number.isInteger(iterations) || iterations < 0) {
    fail('iterations', 'must be an integer of 0 or more', iterations);
  }
  if (iterations > 0 && options.v != null) {
    fail('v', 'must not be given with iterations, which start from u', options.v);
  }
  const epsilon = checkEpsilon(fail, options.epsilon ?? 1e-12);
  const outputs = kernel.shape.at(-1)!;
  const others = sizeOf(kernel.shape.slice(0, -1));
  const matrix = tf.reshape(kernel, [others, outputs]) as Tensor2D;
  // As a column, and as a row.
  const column = (of: Tensor) => tf.reshape(of, [-1, 1]) as Tensor2D;
  const forward = (of: Tensor) => tf.reshape(tf.matMul(matrix, column(of)), [others]);
  const backward = (of: Tensor) => tf.reshape(tf.matMul(matrix, column(of), true), [outputs]);
  let u = toParameter(fail, 'u', options.u, [outputs]);
  let v =
    options.v == null ? unit(forward(u), epsilon) : toParameter(fail, 'v', options.v, [others]);
  for (let i = 0; i < iterations; ++i) {
    if (i > 0) v = unit(forward(u), epsilon);
    u = unit(backward(v), epsilon);
  }
  const sigma = tf.sum(tf.mul(v, forward(u)));
  const zero = tf.lessEqual(sigma, epsilon);
  const none = (of: Tensor) => tf.where(zero, tf.zerosLike(of), of);
  const by = tf.where(zero, tf.onesLike(sigma), sigma);
  const y = divided(kernel, none(u), none(v), by) as T;
  // The guess outlives a kernel of zeros, which says nothing.
  const kept = iterations > 0 ? tf.where(zero, toTensor(fail, 'u', options.u), u) : tf.clone(u);
  return { y, u: kept, v: tf.clone(v), sigma };
}

/**
 * Spectral normalization: a kernel divided by its largest singular value, which power iterations estimate.
 *
 *     v = A u / ||A u||,  u = A^T v / ||A^T v||    `iterations` times
 *     sigma = v.A u,  y = kernel / sigma
 *
 * A is the kernel as a matrix [everything else, out], with the last axis for the outputs. In the gradient u and v are
 * constants: dkernel = (dy - sum(dy * y) v u^T) / sigma. Pass `u` from call to call, so that one iteration in each is
 * enough. A kernel of zeros stays one, and u as it was.
 *
 * Throws a `NormError` where an argument is out of its domain, for a kernel of rank 1 or without elements, and where a
 * tensor is not float32 or of another shape.
 *
 * Paper: Miyato, Kataoka, Koyama & Yoshida, Spectral Normalization for Generative Adversarial Networks, arXiv
 * 1802.05957.
 */
export function spectralNorm<T extends Tensor>(
  kernel: T | TensorLike,
  options: SpectralNormOptions,
): SpectralNormResult<T> {
  return tf.tidy(() => spectralNorm_(kernel, options) as never);
}
