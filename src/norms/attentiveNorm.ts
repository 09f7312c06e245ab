/** The attentive norm op: the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import {
  checkBoolean,
  checkChoice,
  checkEpsilon,
  checkFraction,
  checkGroups,
  checkPositive,
  resolveChannelAxis,
} from '../core/checks';
import type { AttentionActivation, AttentionNorm } from '../core/composed/attention';
import { type Fail, opFail } from '../core/errors';
import { runOp } from '../core/kernels';
import { type AffineOptions, toAffine } from '../core/parameters';
import { toInput, toParameter, toTensor, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';
import { ATTENTION_ACTIVATIONS, ATTENTION_NORMS, SQUEEZES } from './attentiveNormKernels';

export type { AttentionActivation, AttentionNorm };

/** What standardizes x. */
export type AttentiveBackbone = 'batch' | 'group';
export const BACKBONES: readonly AttentiveBackbone[] = ['batch', 'group'];

/** What the attention sees of a channel: its mean relative to its standard deviation, or its mean. */
export type Squeeze = (typeof SQUEEZES)[number];

/** How attentive norm works, of the op and of the layer. */
export interface AttentiveSettings {
  /** Batch statistics (running ones when not training), or those of groups of channels. Default 'batch'. */
  backbone?: AttentiveBackbone;
  /** Number of groups of the 'group' backbone; divides the channels. Default 32. */
  groups?: number;
  /** 'rsd': mean / sqrt(variance + squeezeEpsilon) over the positions; 'mean': the mean. Default 'rsd'. */
  squeeze?: Squeeze;
  /** Added to the squeeze's variance, inside the root; greater than 0. Default 1e-3. */
  squeezeEpsilon?: number;
  /** Whether the squeeze's variance is the unbiased one, as in the authors' code. Default true. */
  unbiasedSqueezeVariance?: boolean;
  /** The norm of the logits: over the batch (running statistics when not training), over the mixtures, or none. Default 'batch'. */
  attentionNorm?: AttentionNorm;
  /** From normalized logits to weights. Default 'hardSigmoid', min(max(z + 3, 0), 6) / 6. */
  attentionActivation?: AttentionActivation;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variances of the backbone and of the attention norm, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** The weight of the old running statistics. Default 0.9. */
  momentum?: number;
  /** Whether running variances follow n / (n - 1) times the batch variance, as in PyTorch. Default true. */
  unbiased?: boolean;
}

/** Options of {@link attentiveNorm}. `gamma` and `beta` are [K, C]: a row for each mixture. */
export interface AttentiveNormOptions extends AttentiveSettings, AffineOptions {
  /** The weights of the channels in the logits, [K, C]. */
  attentionKernel: Tensor;
  /** Added to the logits, [K]. Default none. */
  attentionBias?: Tensor;
  /** Scale of the normalized logits, [K]; 1 where not given. None without `attentionNorm`. */
  attentionGamma?: Tensor;
  /** Offset of the normalized logits, [K]; 0 where not given. None without `attentionNorm`. */
  attentionBeta?: Tensor;
  /** The running mean, [C]; none with a 'group' backbone. */
  movingMean?: Tensor;
  /** The running variance, alike. */
  movingVariance?: Tensor;
  /** The running mean of the logits, [K]; for `attentionNorm: 'batch'` only. */
  attentionMovingMean?: Tensor;
  /** The running variance of the logits, alike. */
  attentionMovingVariance?: Tensor;
  /** Whether batch statistics are those of `x`; else they are the running ones. Default true. */
  training?: boolean;
}

/** What {@link attentiveNorm} gives. Gradients flow through `y` only. */
export interface AttentiveNormResult<T extends Tensor = Tensor> {
  y: T;
  /** The weights of the mixtures, [N, K]. */
  attention: Tensor;
  /** The new running mean, [C]; the given one when not training, [0] with a 'group' backbone. */
  movingMean: Tensor;
  /** The new running variance, alike. */
  movingVariance: Tensor;
  /** The new running mean of the logits, [K]; the given one when not training, [0] without batch norm of them. */
  attentionMovingMean: Tensor;
  /** The new running variance of the logits, alike. */
  attentionMovingVariance: Tensor;
}

/** The settings, checked, with their defaults. */
export function checkSettings(fail: Fail, given: AttentiveSettings): Required<AttentiveSettings> {
  const { backbone = 'batch', squeeze = 'rsd', groups = 32, axis = -1 } = given;
  const { attentionNorm = 'batch', attentionActivation = 'hardSigmoid' } = given;
  const choice = checkChoice;
  return {
    backbone: choice(fail, 'backbone', BACKBONES, backbone),
    groups,
    squeeze: choice(fail, 'squeeze', SQUEEZES, squeeze),
    squeezeEpsilon: checkPositive(fail, 'squeezeEpsilon', given.squeezeEpsilon ?? 1e-3),
    unbiasedSqueezeVariance: checkBoolean(
      fail,
      'unbiasedSqueezeVariance',
      given.unbiasedSqueezeVariance ?? true,
    ),
    attentionNorm: choice(fail, 'attentionNorm', ATTENTION_NORMS, attentionNorm),
    attentionActivation: choice(
      fail,
      'attentionActivation',
      ATTENTION_ACTIVATIONS,
      attentionActivation,
    ),
    axis,
    epsilon: checkEpsilon(fail, given.epsilon ?? 1e-5),
    momentum: checkFraction(fail, 'momentum', given.momentum ?? 0.9),
    unbiased: checkBoolean(fail, 'unbiased', given.unbiased ?? true),
  };
}

/** The attention kernel, which says how many mixtures there are. */
function toKernel(fail: Fail, value: unknown, channels: number): Tensor {
  const kernel = toTensor(fail, 'attentionKernel', value);
  const [mixtures, of] = kernel.shape;
  if (kernel.rank !== 2 || of !== channels || mixtures === 0) {
    const expected = `must have shape [K, ${channels}] with at least one mixture K`;
    fail('attentionKernel', expected, kernel.shape);
  }
  return kernel;
}

function attentiveNorm_<T extends Tensor>(
  value: T | TensorLike,
  options: AttentiveNormOptions,
): AttentiveNormResult<T> {
  const fail = opFail('attentiveNorm');
  const x = toInput(fail, value, 2);
  const given = options ?? {};
  const settings = checkSettings(fail, given);
  const axis = resolveChannelAxis(fail, settings.axis, x.rank);
  const channels = x.shape[axis]!;
  const { backbone, attentionNorm } = settings;
  const group = backbone === 'group';
  const kernel = toKernel(fail, given.attentionKernel, channels);
  const mixtures = kernel.shape[0]!;
  const affine = toAffine(fail, given, [mixtures, channels]);
  const training = checkBoolean(fail, 'training', given.training ?? true);

  const none = tf.tensor1d([], 'float32');
  const parameter = (name: keyof AttentiveNormOptions, size: number) =>
    toParameter(fail, name, given[name], [size]);
  const scale = (name: 'attentionGamma' | 'attentionBeta', fallback: number): Tensor => {
    if (given[name] == null) {
      return attentionNorm === 'none' ? none : tf.fill([mixtures], fallback);
    }
    if (attentionNorm === 'none') fail(name, "must not be given with attentionNorm 'none'", name);
    return parameter(name, mixtures);
  };
  const ofBatch = attentionNorm === 'batch';
  const inputs = {
    ...affine.inputs,
    attention_kernel: kernel,
    attention_bias: given.attentionBias == null ? none : parameter('attentionBias', mixtures),
    attention_gamma: scale('attentionGamma', 1),
    attention_beta: scale('attentionBeta', 0),
    moving_mean: group ? none : parameter('movingMean', channels),
    moving_variance: group ? none : parameter('movingVariance', channels),
    attention_moving_mean: ofBatch ? parameter('attentionMovingMean', mixtures) : none,
    attention_moving_variance: ofBatch ? parameter('attentionMovingVariance', mixtures) : none,
  };
  const attrs = {
    epsilon: settings.epsilon,
    training,
    batch_backbone: !group,
    groups: group ? checkGroups(fail, settings.groups, channels) : 1,
    squeeze: SQUEEZES.indexOf(settings.squeeze),
    squeeze_epsilon: settings.squeezeEpsilon,
    unbiased_squeeze_variance: settings.unbiasedSqueezeVariance,
    use_attention_bias: given.attentionBias != null,
    attention_norm: ATTENTION_NORMS.indexOf(attentionNorm),
    attention_activation: ATTENTION_ACTIVATIONS.indexOf(settings.attentionActivation),
    update_rate: 1 - settings.momentum,
    unbiased: settings.unbiased,
    ...affine.attributes,
  };
  let rest: Tensor[] = [];
  const run = (input: Tensor, channelAxis: number): Tensor => {
    const all = { x: input, ...inputs };
    const [y, ...others] = runOp('TfjsAttentiveNorm', all, { ...attrs, axis: channelAxis });
    rest = others;
    return y!;
  };
  // Channels first and last are what the kernels know.
  const y = axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1));
  const [movingMean, movingVariance, attentionMovingMean, attentionMovingVariance, attention] =
    rest as [Tensor, Tensor, Tensor, Tensor, Tensor];
  return {
    y: y as T,
    attention,
    movingMean,
    movingVariance,
    attentionMovingMean,
    attentionMovingVariance,
  };
}

/**
 * Attentive normalization: batch or group norm whose scale and offset are mixed, for each sample, from K learned ones.
 *
 *     s[n,c] = mean / sqrt(variance + squeezeEpsilon) of the positions      z = s . attentionKernel^T (+ attentionBias)
 *     lambda = activation(attentionGamma * norm(z) + attentionBeta)                                         [N, K]
 *     y = (sum_k lambda[n,k] * gamma[k,c]) * xhat + sum_k lambda[n,k] * beta[k,c]
 *
 * where xhat = (x - mu) / sqrt(var + epsilon) by the statistics of the backbone. `x` has rank 2 or more; `gamma`, `beta`
 * and `attentionKernel` have shape [K, C]; `y` has the shape of `x`. The given running statistics are not changed: the
 * new ones are returned. Gradients flow to x and to all parameters. With batch norm of the logits a single sample has
 * the weights that `attentionBeta` gives; below eight samples its statistics are poor.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Li, Sun & Wu, Attentive Normalization, arXiv 1908.01259.
 */
export const attentiveNorm = tf.op({ attentiveNorm_ }) as typeof attentiveNorm_;
