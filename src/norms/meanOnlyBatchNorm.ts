/** The mean-only batch norm op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkFraction, resolveAxis } from '../core/checks';
import { batchView } from '../core/composed/setNorm';
import { centre } from '../core/composed/statistics';
import { opFail } from '../core/errors';
import {
  type Attributes,
  type Inputs,
  registerOp,
  registerOpGradient,
  runOp,
} from '../core/kernels';
import { toInput, toParameter } from '../core/tensors';
import { tf } from '../tensorflow';

const shared = { axis: 'int', center: 'bool' } as const;

/** The axes of x but that of the channels, and the shape in which a parameter broadcasts. */
function viewOf(x: Tensor, attrs: Attributes) {
  const axis = attrs.axis as number;
  const axes = x.shape.map((_, i) => i).filter((i) => i !== axis);
  return { axis, axes, shape: x.shape.map((extent, i) => (i === axis ? extent : 1)) };
}

function composedForward({ x, beta, moving_mean: moving }: Inputs, attrs: Attributes): Tensor[] {
  const { axis, axes, shape } = viewOf(x!, attrs);
  const { momentsShape } = batchView(x!.shape, axis, 0);
  if (x!.size === 0) return [tf.clone(x!), tf.clone(moving!), tf.zeros(momentsShape)];
  const { centred, hi, lo } = centre(x!, axes);
  const y = attrs.center ? tf.add(centred, tf.reshape(beta!, shape)) : centred;
  const mean = tf.reshape(tf.add(hi, lo), moving!.shape);
  const moved = tf.add(moving!, tf.mul(tf.sub(mean, moving!), attrs.update_rate as number));
  // The rows that the native kernels tell apart share the mean.
  const [, rows, channels] = momentsShape as [number, number, number];
  const statistics = [hi, lo, tf.mean(tf.square(centred), axes)].map((value) =>
    tf.tile(tf.reshape(value, [1, channels]), [rows, 1]),
  );
  return [y, moved, tf.stack(statistics)];
}

registerOp({
  name: 'TfjsMeanOnlyBatchNorm',
  inputs: ['x', 'beta', 'moving_mean'],
  outputs: 3,
  attributes: { ...shared, update_rate: 'float' },
  composed: composedForward,
});

registerOp({
  name: 'TfjsMeanOnlyBatchNormGrad',
  inputs: ['dy', 'x', 'moments'],
  outputs: 2,
  attributes: shared,
  composed({ dy, x }, attrs) {
    const { axis, axes } = viewOf(x!, attrs);
    const channels = [x!.shape[axis]!];
    const none = attrs.center ? tf.zeros(channels) : tf.tensor1d([], 'float32');
    if (x!.size === 0) return [tf.zerosLike(x!), none];
    const one = x!.size === channels[0];
    const dx = one ? tf.zerosLike(x!) : tf.sub(dy!, tf.mean(dy!, axes, true));
    return [dx, attrs.center ? tf.reshape(tf.sum(dy!, axes), channels) : none];
  },
});

registerOpGradient({
  op: 'TfjsMeanOnlyBatchNorm',
  inputsToSave: ['x', 'moving_mean'],
  outputsToSave: [false, false, true],
  gradient(dy, [x, moving, moments], { axis, center }) {
    const inputs = { dy, x: x!, moments: moments! };
    const [dx, dbeta] = runOp('TfjsMeanOnlyBatchNormGrad', inputs, {
      axis: axis!,
      center: center!,
    });
    return { x: dx!, beta: dbeta!, moving_mean: tf.zerosLike(moving!) };
  },
});

/** Options of {@link meanOnlyBatchNorm}. */
export interface MeanOnlyBatchNormOptions {
  /** The running mean before this call, [C]. */
  movingMean: Tensor;
  /** Offset, [C]; without it the offset is 0. */
  beta?: Tensor;
  /** The axis of the channels. Default -1. */
  axis?: number;
  /** The weight of the old running mean. Default 0.9. */
  momentum?: number;
}

/** What {@link meanOnlyBatchNorm} gives. Gradients flow through `y` only. */
export interface MeanOnlyBatchNormResult<T extends Tensor = Tensor> {
  y: T;
  /** The new running mean, [C]. */
  movingMean: Tensor;
}

function meanOnlyBatchNorm_<T extends Tensor>(
  value: T | TensorLike,
  options: MeanOnlyBatchNormOptions,
): MeanOnlyBatchNormResult<T> {
  const fail = opFail('meanOnlyBatchNorm');
  const x = toInput(fail, value, 2);
  const given = options ?? {};
  const axis = resolveAxis(fail, given.axis ?? -1, x.rank);
  const channels = [x.shape[axis]!];
  const { beta, momentum = 0.9 } = given;
  const inputs = {
    x,
    beta: beta == null ? tf.tensor1d([], 'float32') : toParameter(fail, 'beta', beta, channels),
    moving_mean: toParameter(fail, 'movingMean', given.movingMean, channels),
  };
  const [y, moved] = runOp('TfjsMeanOnlyBatchNorm', inputs, {
    axis,
    center: beta != null,
    update_rate: 1 - checkFraction(fail, 'momentum', momentum),
  });
  return { y: y as T, movingMean: moved! };
}

/**
 * Mean-only batch normalization in training, which weight normalization is used with: each channel less its mean.
 *
 *     y = x - mean[c] + beta[c]    the mean over all axes but that of the channels
 *     movingMean = momentum * movingMean + (1 - momentum) * mean
 *
 * `x` has rank 2 or more, `y` its shape; `beta` and `movingMean` have shape [C]. The given running mean is not changed: a
 * new one is returned. A single value for each channel gives y = beta, and no gradient. At inference, which
 * `batchNormInference` with variance 1 is, the running mean takes the place of the mean.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Salimans & Kingma, Weight Normalization, arXiv 1602.07868, section 4.
 */
export const meanOnlyBatchNorm = tf.op({ meanOnlyBatchNorm_ }) as typeof meanOnlyBatchNorm_;
