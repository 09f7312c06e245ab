/** The switchable norm op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon, checkFraction, resolveChannelAxis } from '../core/checks';
import {
  switchableNorm as composedNorm,
  switchableNormGrad as composedNormGrad,
  type SwitchableInputs,
  type SwitchableSettings,
} from '../core/composed/switchableNorm';
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
import { toInput, toParameter, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const shared = {
  axis: 'int',
  epsilon: 'float',
  training: 'bool',
  use_batch: 'bool',
  unbiased_spatial_variance: 'bool',
  ...AFFINE_ATTRIBUTES,
} as const;

const STATE = ['mean_logits', 'variance_logits', 'moving_mean', 'moving_variance'];

const settingsOf = (attrs: Attributes): SwitchableSettings => ({
  axis: attrs.axis as number,
  epsilon: attrs.epsilon as number,
  training: attrs.training as boolean,
  useBatch: attrs.use_batch as boolean,
  unbiasedSpatialVariance: attrs.unbiased_spatial_variance as boolean,
});

const inputsOf = (inputs: Inputs, attrs: Attributes): SwitchableInputs => ({
  x: inputs.x!,
  gamma: affineOf(inputs, attrs).gamma,
  meanLogits: inputs.mean_logits!,
  varianceLogits: inputs.variance_logits!,
  movingMean: inputs.moving_mean!,
  movingVariance: inputs.moving_variance!,
});

registerOp({
  name: 'TfjsSwitchableNorm',
  inputs: ['x', 'gamma', 'beta', ...STATE],
  outputs: 4,
  attributes: { ...shared, update_rate: 'float' },
  composed(inputs, attrs) {
    const { x, moving_mean: mean, moving_variance: variance } = inputs as Record<string, Tensor>;
    if (x!.size === 0) {
      const moments = tf.zeros([3, x!.shape[0]!, x!.shape[attrs.axis as number]!]);
      return [tf.clone(x!), tf.clone(mean!), tf.clone(variance!), moments];
    }
    const { beta } = affineOf(inputs, attrs);
    const rate = attrs.update_rate as number;
    return composedNorm(inputsOf(inputs, attrs), beta, rate, settingsOf(attrs));
  },
});

registerOp({
  name: 'TfjsSwitchableNormGrad',
  inputs: ['dy', 'x', 'gamma', ...STATE, 'moments'],
  outputs: 5,
  attributes: shared,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const [means, variances] = [inputs.mean_logits!, inputs.variance_logits!];
    if (x.size === 0) {
      const none = () => tf.zeros([x.shape[attrs.axis as number]!]);
      const grads = affineGradients({ dx: tf.zerosLike(x), dgamma: none(), dbeta: none() }, attrs);
      return [...grads, tf.zerosLike(means), tf.zerosLike(variances)];
    }
    const grads = composedNormGrad(inputs.dy!, inputsOf(inputs, attrs), settingsOf(attrs));
    return [...affineGradients(grads, attrs), grads.dMeanLogits, grads.dVarianceLogits];
  },
});

registerOpGradient({
  op: 'TfjsSwitchableNorm',
  inputsToSave: ['x', 'gamma', ...STATE],
  outputsToSave: [false, false, false, true],
  gradient(dy, saved, attrs) {
    const [x, gamma, means, variances, movingMean, movingVariance, moments] = saved as Tensor[];
    const { update_rate: _rate, ...rest } = attrs;
    const inputs = {
      dy,
      x: x!,
      gamma: gamma!,
      mean_logits: means!,
      variance_logits: variances!,
      moving_mean: movingMean!,
      moving_variance: movingVariance!,
      moments: moments!,
    };
    const grads = runOp('TfjsSwitchableNormGrad', inputs, rest);
    const [dx, dgamma, dbeta, dmeans, dvariances] = grads;
    const none = tf.zerosLike(movingMean!);
    return {
      x: dx!,
      gamma: dgamma!,
      beta: dbeta!,
      mean_logits: dmeans!,
      variance_logits: dvariances!,
      moving_mean: none,
      moving_variance: none,
    };
  },
});

/** Options of {@link switchableNorm}. */
export interface SwitchableNormOptions extends AffineOptions {
  /** Logits of the weights of the instance, layer and batch mean, [3]; without batch [2]. */
  meanLogits: Tensor;
  /** Logits of the weights of the three variances, alike. */
  varianceLogits: Tensor;
  /** The running mean, [C]; none without batch. */
  movingMean?: Tensor;
  /** The running variance, [C]; none without batch. */
  movingVariance?: Tensor;
  /** Whether batch statistics are those of `x`; else they are the running ones. Default true. */
  training?: boolean;
  /** Whether batch statistics take part. Default true. */
  useBatch?: boolean;
  /** Whether variances over the positions are S / (S - 1) times the biased ones, as in the authors' code. Default false. */
  unbiasedSpatialVariance?: boolean;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** The weight of the old running statistics. Default 0.9. */
  momentum?: number;
}

/** What {@link switchableNorm} gives. Gradients flow through `y` only. */
export interface SwitchableNormResult<T extends Tensor = Tensor> {
  y: T;
  /** The new running mean, [C]; the given one when not training, [0] without batch. */
  movingMean: Tensor;
  /** The new running variance, alike. */
  movingVariance: Tensor;
}

function switchableNorm_<T extends Tensor>(
  value: T | TensorLike,
  options: SwitchableNormOptions,
): SwitchableNormResult<T> {
  const fail = opFail('switchableNorm');
  const x = toInput(fail, value, 2);
  const given = options ?? {};
  const axis = resolveChannelAxis(fail, given.axis ?? -1, x.rank);
  const channels = [x.shape[axis]!];
  const flag = (name: 'training' | 'useBatch' | 'unbiasedSpatialVariance', fallback: boolean) =>
    checkBoolean(fail, name, given[name] ?? fallback);
  const useBatch = flag('useBatch', true);
  const affine = toAffine(fail, given, channels);
  const logits = [useBatch ? 3 : 2];
  const none = useBatch ? null : tf.tensor1d([], 'float32');
  const inputs = {
    ...affine.inputs,
    mean_logits: toParameter(fail, 'meanLogits', given.meanLogits, logits),
    variance_logits: toParameter(fail, 'varianceLogits', given.varianceLogits, logits),
    moving_mean: none ?? toParameter(fail, 'movingMean', given.movingMean, channels),
    moving_variance: none ?? toParameter(fail, 'movingVariance', given.movingVariance, channels),
  };
  const attrs = {
    epsilon: checkEpsilon(fail, given.epsilon ?? 1e-5),
    training: flag('training', true),
    use_batch: useBatch,
    unbiased_spatial_variance: flag('unbiasedSpatialVariance', false),
    update_rate: 1 - checkFraction(fail, 'momentum', given.momentum ?? 0.9),
    ...affine.attributes,
  };
  let state: Tensor[] = [];
  const run = (input: Tensor, channelAxis: number): Tensor => {
    const [y, ...rest] = runOp(
      'TfjsSwitchableNorm',
      { x: input, ...inputs },
      { ...attrs, axis: channelAxis },
    );
    state = rest;
    return y!;
  };
  // Channels first and last are what the kernels know.
  const y = axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1));
  return { y: y as T, movingMean: state[0]!, movingVariance: state[1]! };
}

/**
 * Switchable normalization: learned mixtures of the statistics of instance, layer and batch norm.
 *
 *     w = softmax(meanLogits)    u = softmax(varianceLogits)
 *     mu = w0 * mean_instance + w1 * mean_layer + w2 * mean_batch    var alike with u
 *     y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * `x` has rank 2 or more; `gamma`, `beta` and the running statistics have shape [C]; `y` has the shape of `x`. The
 * given running statistics are not changed: the new ones are returned. Gradients flow to x, gamma, beta and both
 * logits. A single value in training gives y = beta.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Luo et al., Differentiable Learning-to-Normalize via Switchable Normalization, arXiv 1806.10779.
 */
export const switchableNorm = tf.op({ switchableNorm_ }) as typeof switchableNorm_;
