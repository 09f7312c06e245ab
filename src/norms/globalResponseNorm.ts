/** The global response norm op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkOptions, resolveChannelAxis } from '../core/checks';
import {
  globalResponseNorm as composedNorm,
  globalResponseNormGrad as composedNormGrad,
} from '../core/composed/globalResponseNorm';
import { opFail } from '../core/errors';
import { emptyGradients, registerAffineGradient } from '../core/gradients';
import { registerOp, runOp } from '../core/kernels';
import {
  AFFINE_ATTRIBUTES,
  type AffineOptions,
  affineGradients,
  affineOf,
  toAffine,
} from '../core/parameters';
import { toInput, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { axis: 'int', epsilon: 'float', ...AFFINE_ATTRIBUTES } as const;

registerOp({
  name: 'TfjsGlobalResponseNorm',
  inputs: ['x', 'gamma', 'beta'],
  outputs: 2,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const axis = attrs.axis as number;
    if (x.size === 0) return [tf.clone(x), tf.zeros([x.shape[0]!, x.shape[axis]!])];
    const { gamma, beta } = affineOf(inputs, attrs);
    return composedNorm(x, gamma, beta, axis, attrs.epsilon as number);
  },
});

registerOp({
  name: 'TfjsGlobalResponseNormGrad',
  inputs: ['dy', 'x', 'gamma', 'responses'],
  outputs: 3,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const axis = attrs.axis as number;
    if (x.size === 0) return emptyGradients(x, [x.shape[axis]!], attrs);
    const { gamma } = affineOf(inputs, attrs);
    const grads = composedNormGrad(inputs.dy!, x, gamma, axis, attrs.epsilon as number);
    return affineGradients(grads, attrs);
  },
});

registerAffineGradient('TfjsGlobalResponseNorm', 'responses');

/** Options of {@link globalResponseNorm}. */
export interface GlobalResponseNormOptions extends AffineOptions {
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the mean of the responses; greater than 0. Default 1e-6. */
  epsilon?: number;
}

function globalResponseNorm_<T extends Tensor>(
  value: T | TensorLike,
  given?: GlobalResponseNormOptions,
): T {
  const fail = opFail('globalResponseNorm');
  const x = toInput(fail, value, 2);
  const options = checkOptions(fail, given);
  const axis = resolveChannelAxis(fail, options.axis ?? -1, x.rank);
  const epsilon = checkEpsilon(fail, options.epsilon ?? 1e-6);
  const affine = toAffine(fail, options, [x.shape[axis]!]);
  const run = (input: Tensor, channelAxis: number): Tensor => {
    const attrs = { axis: channelAxis, epsilon, ...affine.attributes };
    return runOp('TfjsGlobalResponseNorm', { x: input, ...affine.inputs }, attrs)[0]!;
  };
  // Channels first and last are what the kernels know.
  const y = axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1));
  return y as T;
}

/**
 * Global response normalization: each channel of a sample is scaled by its strength beside the sample's other channels,
 * and added to the input.
 *
 *     G[c] = sqrt(sum over the positions of x^2)    N[c] = G[c] / (mean over the channels of G + epsilon)
 *     y = gamma[c] * x * N[c] + beta[c] + x
 *
 * The same in training and inference. `x` has rank 2 or more; `gamma` and `beta` have shape [C], without them they are 1
 * and 0; `y` has the shape of `x`. With `gamma` and `beta` 0, as a new layer has them, y is x. A channel that is 0 in a
 * sample passes no gradient on to its own size.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Woo et al., ConvNeXt V2, arXiv 2301.00808.
 */
export const globalResponseNorm = tf.op({ globalResponseNorm_ }) as typeof globalResponseNorm_;
