/** The batch norm op in training: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import {
  checkBoolean,
  checkEpsilon,
  checkFraction,
  checkVirtualBatchSize,
  resolveAxis,
} from '../core/checks';
import { updateRunning } from '../core/composed/batchNorm';
import { batchView, setNorm } from '../core/composed/setNorm';
import { type Fail, opFail } from '../core/errors';
import { composedSetGrad } from '../core/gradients';
import { type Attributes, registerOp, registerOpGradient, runOp } from '../core/kernels';
import { AFFINE_ATTRIBUTES, type AffineOptions, affineOf, toAffine } from '../core/parameters';
import { toInput, toParameter } from '../core/tensors';
import { tf } from '../tensorflow';

const shared = {
  axis: 'int',
  epsilon: 'float',
  virtual_batch_size: 'int',
  ...AFFINE_ATTRIBUTES,
} as const;

const viewOf = (x: Tensor, attrs: Attributes) =>
  batchView(x.shape, attrs.axis as number, attrs.virtual_batch_size as number);

registerOp({
  name: 'TfjsBatchNorm',
  inputs: ['x', 'gamma', 'beta', 'moving_mean', 'moving_variance'],
  outputs: 4,
  attributes: { ...shared, update_rate: 'float', unbiased: 'bool' },
  composed(inputs, attrs) {
    const { x, moving_mean: mean, moving_variance: variance } = inputs as Record<string, Tensor>;
    if (x!.size === 0) {
      const momentsShape = attrs.axis === x!.rank - 1 ? [3, 1, mean!.size] : [3, 0, mean!.size];
      return [tf.clone(x!), tf.clone(mean!), tf.clone(variance!), tf.zeros(momentsShape)];
    }
    const view = viewOf(x!, attrs);
    const { gamma, beta } = affineOf(inputs, attrs);
    const result = setNorm(x!, gamma, beta, view, attrs.epsilon as number);
    const update = { updateRate: attrs.update_rate as number, unbiased: attrs.unbiased as boolean };
    const moved = updateRunning({ mean: mean!, variance: variance! }, result, view, update);
    return [result.y, moved.mean, moved.variance, result.moments];
  },
});

registerOp({
  name: 'TfjsBatchNormGrad',
  inputs: ['dy', 'x', 'gamma', 'moments'],
  outputs: 3,
  attributes: shared,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const shape = [x.shape[attrs.axis as number]!];
    return composedSetGrad(inputs, attrs, shape, () => viewOf(x, attrs));
  },
});

registerOpGradient({
  op: 'TfjsBatchNorm',
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, false, false, true],
  gradient(dy, [x, gamma, moments], attrs) {
    const { update_rate: _rate, unbiased: _unbiased, ...rest } = attrs;
    const [dx, dgamma, dbeta] = runOp(
      'TfjsBatchNormGrad',
      { dy, x: x!, gamma: gamma!, moments: moments! },
      rest,
    );
    // y does not depend on the running statistics. A tensor each: tfjs disposes gradients that it adds up.
    const none = () => tf.zeros([x!.shape[attrs.axis as number]!]);
    return { x: dx!, gamma: dgamma!, beta: dbeta!, moving_mean: none(), moving_variance: none() };
  },
});

/** Options of {@link batchNorm}. */
export interface BatchNormOptions extends AffineOptions {
  /** The running mean, [C]. */
  movingMean: Tensor;
  /** The running variance, [C]. */
  movingVariance: Tensor;
  /** The axis of the channels. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
  /** The weight of the old running statistics (PyTorch's momentum is 1 minus this). Default 0.99. */
  momentum?: number;
  /** Whether the running variance uses M / max(M - 1, 1) times the batch variance, as PyTorch does. Default false. */
  unbiased?: boolean;
  /** Ghost batches: statistics are those of so many consecutive samples; divides the batch. Default all. */
  virtualBatchSize?: number | null;
}

/** What {@link batchNorm} gives. Gradients flow through `y` only. */
export interface BatchNormResult<T extends Tensor = Tensor> {
  y: T;
  /** The new running mean, [C]. */
  movingMean: Tensor;
  /** The new running variance, [C]. */
  movingVariance: Tensor;
}

/** 0 where all samples make one batch. */
function checkGhosts(fail: Fail, size: unknown, axis: number, shape: number[]): number {
  const ghost = checkVirtualBatchSize(fail, size);
  if (ghost === 0) return 0;
  if (axis === 0)
    fail('virtualBatchSize', 'needs the samples on axis 0, which is the channel axis', size);
  if (shape[0]! % ghost !== 0)
    fail('virtualBatchSize', `must divide the ${shape[0]} samples`, size);
  return ghost;
}

function batchNorm_<T extends Tensor>(
  value: T | TensorLike,
  options: BatchNormOptions,
): BatchNormResult<T> {
  const fail = opFail('batchNorm');
  const x = toInput(fail, value, 2);
  const { momentum = 0.99, movingMean, movingVariance } = options ?? {};
  const axis = resolveAxis(fail, options?.axis ?? -1, x.rank);
  const shape = [x.shape[axis]!];
  const epsilon = checkEpsilon(fail, options?.epsilon ?? 1e-3);
  const unbiased = checkBoolean(fail, 'unbiased', options?.unbiased ?? false);
  const ghost = checkGhosts(fail, options?.virtualBatchSize, axis, x.shape);
  checkFraction(fail, 'momentum', momentum);
  const mean = toParameter(fail, 'movingMean', movingMean, shape);
  const variance = toParameter(fail, 'movingVariance', movingVariance, shape);
  const affine = toAffine(fail, options, shape);
  const attrs = {
    axis,
    epsilon,
    update_rate: 1 - momentum,
    unbiased,
    virtual_batch_size: ghost === x.shape[0] ? 0 : ghost,
    ...affine.attributes,
  };
  const inputs = { x, ...affine.inputs, moving_mean: mean, moving_variance: variance };
  const [y, newMean, newVariance] = runOp('TfjsBatchNorm', inputs, attrs);
  return { y: y as T, movingMean: newMean!, movingVariance: newVariance! };
}

/**
 * Batch normalization in training: each channel is normalized over the batch and all positions, and the running
 * statistics follow.
 *
 *     mu = mean(x)    var = mean((x - mu)^2)    y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *     movingMean = momentum * movingMean + (1 - momentum) * mu, movingVariance alike
 *
 * `x` has rank 2 or more; the parameters and running statistics have shape [C]; `y` has the shape of `x`. The given
 * running statistics are not changed: the new ones are returned. With `virtualBatchSize`, each ghost batch has its
 * own statistics, and the running statistics follow one after the other. One value per channel gives y = beta.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Papers: Ioffe & Szegedy, Batch Normalization, arXiv 1502.03167; ghost batches: Hoffer, Hubara & Soudry,
 * arXiv 1705.08741.
 */
export const batchNorm = tf.op({ batchNorm_ }) as typeof batchNorm_;
