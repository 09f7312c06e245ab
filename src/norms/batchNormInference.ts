/** The batch norm op with given statistics: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, resolveAxis } from '../core/checks';
import {
  batchNormInferenceGrad,
  batchNormInference as composedInference,
  type Given,
} from '../core/composed/batchNorm';
import { opFail } from '../core/errors';
import {
  type Attributes,
  type Inputs,
  registerOp,
  registerOpGradient,
  runOp,
} from '../core/kernels';
import {
  AFFINE_ATTRIBUTES,
  type AffineOptions,
  affineGradients,
  affineOf,
  toAffine,
} from '../core/parameters';
import { toInput, toParameter } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { axis: 'int', epsilon: 'float', ...AFFINE_ATTRIBUTES } as const;

const givenOf = (inputs: Inputs, attrs: Attributes): Given => ({
  axis: attrs.axis as number,
  epsilon: attrs.epsilon as number,
  gamma: affineOf(inputs, attrs).gamma,
  mean: inputs.mean!,
  variance: inputs.variance!,
});

registerOp({
  name: 'TfjsBatchNormInference',
  inputs: ['x', 'gamma', 'beta', 'mean', 'variance'],
  outputs: 1,
  attributes,
  composed: (inputs, attrs) => [
    composedInference(inputs.x!, affineOf(inputs, attrs).beta, givenOf(inputs, attrs)),
  ],
});

registerOp({
  name: 'TfjsBatchNormInferenceGrad',
  inputs: ['dy', 'x', 'gamma', 'mean', 'variance'],
  outputs: 5,
  attributes,
  composed(inputs, attrs) {
    const grads = batchNormInferenceGrad(inputs.dy!, inputs.x!, givenOf(inputs, attrs));
    return [...affineGradients(grads, attrs), grads.dmean, grads.dvariance];
  },
});

registerOpGradient({
  op: 'TfjsBatchNormInference',
  inputsToSave: ['x', 'gamma', 'mean', 'variance'],
  gradient(dy, [x, gamma, mean, variance], attrs) {
    const inputs = { dy, x: x!, gamma: gamma!, mean: mean!, variance: variance! };
    const [dx, dgamma, dbeta, dmean, dvariance] = runOp(
      'TfjsBatchNormInferenceGrad',
      inputs,
      attrs,
    );
    return { x: dx!, gamma: dgamma!, beta: dbeta!, mean: dmean!, variance: dvariance! };
  },
});

/** Options of {@link batchNormInference}. */
export interface BatchNormInferenceOptions extends AffineOptions {
  /** The mean to take off, [C]. */
  mean: Tensor;
  /** The variance to divide by, [C]. */
  variance: Tensor;
  /** The axis of the channels. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

function batchNormInference_<T extends Tensor>(
  value: T | TensorLike,
  options: BatchNormInferenceOptions,
): T {
  const fail = opFail('batchNormInference');
  const x = toInput(fail, value, 2);
  const axis = resolveAxis(fail, options?.axis ?? -1, x.rank);
  const shape = [x.shape[axis]!];
  const epsilon = checkEpsilon(fail, options?.epsilon ?? 1e-3);
  const mean = toParameter(fail, 'mean', options?.mean, shape);
  const variance = toParameter(fail, 'variance', options?.variance, shape);
  const affine = toAffine(fail, options, shape);
  const attrs = { axis, epsilon, ...affine.attributes };
  return runOp('TfjsBatchNormInference', { x, ...affine.inputs, mean, variance }, attrs)[0] as T;
}

/**
 * Batch normalization with given statistics, as at inference.
 *
 *     y = gamma[c] * (x - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]
 *
 * `x` has rank 2 or more; the parameters and statistics have shape [C]; `y` has the shape of `x`. Gradients flow to
 * all five. A channel whose variance + epsilon is negative gives NaN.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Ioffe & Szegedy, Batch Normalization, arXiv 1502.03167.
 */
export const batchNormInference = tf.op({ batchNormInference_ }) as typeof batchNormInference_;
