/** The online norm op: kernels, gradient with its control state, and the public function. */
import type { Tensor, TensorLike, Variable } from '@tensorflow/tfjs-node';
import {
  checkBoolean,
  checkEpsilon,
  checkFraction,
  checkPositive,
  resolveChannelAxis,
} from '../core/checks';
import {
  COMPENSATIONS,
  onlineNorm as composedNorm,
  onlineNormGrad as composedNormGrad,
  type OnlineSettings,
} from '../core/composed/onlineNorm';
import { type Fail, NormError, opFail } from '../core/errors';
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
import { toInput, toTensor, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

/** What is done to outputs that outdated statistics make large. */
export type ErrorCompensation = (typeof COMPENSATIONS)[number];

const shared = {
  axis: 'int',
  training: 'bool',
  error_compensation: 'int',
  clamp_value: 'float',
  scaling_epsilon: 'float',
  ...AFFINE_ATTRIBUTES,
} as const;

const settingsOf = (attrs: Attributes): OnlineSettings => ({
  axis: attrs.axis as number,
  training: attrs.training as boolean,
  compensation: COMPENSATIONS[attrs.error_compensation as number]!,
  clampValue: attrs.clamp_value as number,
  scalingEpsilon: attrs.scaling_epsilon as number,
});

registerOp({
  name: 'TfjsOnlineNorm',
  inputs: ['x', 'gamma', 'beta', 'moving_mean', 'moving_variance'],
  outputs: 4,
  attributes: { ...shared, epsilon: 'float', update_rate: 'float' },
  composed(inputs, attrs) {
    const { x, moving_mean: mean, moving_variance: variance } = inputs as Record<string, Tensor>;
    if (x!.size === 0) {
      const moments = tf.zeros([5, x!.shape[0]!, x!.shape[attrs.axis as number]!]);
      return [tf.clone(x!), tf.clone(mean!), tf.clone(variance!), moments];
    }
    const rates = { epsilon: attrs.epsilon as number, rate: attrs.update_rate as number };
    const given = { x: x!, ...affineOf(inputs, attrs) };
    return composedNorm(given, mean!, variance!, rates, settingsOf(attrs));
  },
});

registerOp({
  name: 'TfjsOnlineNormGrad',
  inputs: ['dy', 'x', 'gamma', 'beta', 'u', 'v', 'moments'],
  outputs: 5,
  attributes: { ...shared, control_rate: 'float' },
  composed(inputs, attrs) {
    const { dy, x, u, v, moments } = inputs as Record<string, Tensor>;
    if (x!.size === 0) {
      const none = () => tf.zeros([x!.shape[attrs.axis as number]!]);
      const grads = affineGradients({ dx: tf.zerosLike(x!), dgamma: none(), dbeta: none() }, attrs);
      return [...grads, tf.clone(u!), tf.clone(v!)];
    }
    const control = { u: u!, v: v!, rate: attrs.control_rate as number };
    const given = { x: x!, ...affineOf(inputs, attrs) };
    const grads = composedNormGrad(dy!, given, control, moments!, settingsOf(attrs));
    return [...affineGradients(grads, attrs), grads.u, grads.v];
  },
});

interface Control {
  /** Null: every backward pass starts from 0, and nothing is kept. */
  state: OnlineControl | null;
  update: boolean;
  rate: number;
}

/** By the attributes of the call, which tfjs hands to its gradient: the gradient reads and writes what the op does not. */
const controls = new WeakMap<Attributes, Control>();

registerOpGradient({
  op: 'TfjsOnlineNorm',
  inputsToSave: ['x', 'gamma', 'beta'],
  outputsToSave: [false, false, false, true],
  gradient(dy, saved, attrs) {
    const [x, gamma, beta, moments] = saved as [Tensor, Tensor, Tensor, Tensor];
    const control = controls.get(attrs);
    if (!control) throw new Error('TfjsOnlineNorm: its gradient is that of norm.ops.onlineNorm');
    const { epsilon: _epsilon, update_rate: _rate, ...rest } = attrs;
    const channels = [x.shape[attrs.axis as number]!];
    const none = () => tf.zeros(attrs.training ? channels : [0]);
    const { u, v } = control.state ?? { u: none(), v: none() };
    if (u.isDisposed || v.isDisposed) {
      opFail('onlineNorm')('control', 'must not be disposed before the backward pass', 'it was');
    }
    const inputs = { dy, x, gamma, beta, u, v, moments };
    const [dx, dgamma, dbeta, newU, newV] = runOp('TfjsOnlineNormGrad', inputs, {
      ...rest,
      control_rate: control.rate,
    }) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    if (control.update) {
      (u as Variable).assign(newU);
      (v as Variable).assign(newV);
    }
    // The states are constants. A tensor each: tfjs disposes gradients that it adds up.
    const [moving_mean, moving_variance] = [tf.zeros(channels), tf.zeros(channels)];
    return { x: dx, gamma: dgamma, beta: dbeta, moving_mean, moving_variance };
  },
});

registerOpGradient({
  op: 'TfjsOnlineNormGrad',
  inputsToSave: [],
  gradient() {
    const expected = 'is the output of a control process and has no gradient of its own';
    const message = `onlineNorm: dx ${expected}: there are no second-order gradients of TfjsOnlineNorm`;
    throw new NormError(message, 'onlineNorm', 'dx', expected, 'a gradient of a gradient');
  },
});

/** The states of the control process, each of shape [C] or [2, C], 0 at first. */
export interface OnlineControl {
  /** What makes the gradient orthogonal to 1. */
  u: Tensor;
  /** What makes the gradient orthogonal to the normalized values. */
  v: Tensor;
}

/** Options of {@link onlineNorm}. */
export interface OnlineNormOptions extends AffineOptions {
  /** The running mean, [C], or [2, C]: high and low parts. */
  movingMean: Tensor;
  /** The running variance, of the shape of the running mean. */
  movingVariance: Tensor;
  /** Whether the running statistics follow `x`; else they are constants. Default true. */
  training?: boolean;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** The decay of the running statistics, for each sample. Default 0.999. */
  alphaForward?: number;
  /** The decay of the control process, for each sample. Default 0.99. */
  alphaBackward?: number;
  /** 'clamp', 'layerScaling' or 'none'. Default 'clamp'. */
  errorCompensation?: ErrorCompensation;
  /** With 'clamp': the bound of |y|; greater than 0. Default 5. */
  clampValue?: number;
  /** With 'layerScaling': added to the mean square of a sample; greater than 0. Default 1e-5. */
  layerScalingEpsilon?: number;
  /**
   * In training, the state of the control process: variables, which every backward pass through this call updates.
   * Without it a backward pass starts from 0, and nothing is kept.
   */
  control?: OnlineControl;
  /** Whether backward passes update `control`; where not, it may be plain tensors. Default true. */
  updateControl?: boolean;
}

/** What {@link onlineNorm} gives. Gradients flow through `y` only. */
export interface OnlineNormResult<T extends Tensor = Tensor> {
  y: T;
  /** The new running mean; the given one when not training. */
  movingMean: Tensor;
  /** The new running variance, alike. */
  movingVariance: Tensor;
}

export function checkCompensation(fail: Fail, value: unknown): ErrorCompensation {
  if (!COMPENSATIONS.includes(value as ErrorCompensation)) {
    return fail('errorCompensation', "must be 'clamp', 'layerScaling' or 'none'", value);
  }
  return value as ErrorCompensation;
}

/** [C], or [2, C]; `like`: of exactly this shape. */
function toState(fail: Fail, argument: string, value: unknown, channels: number, like?: Tensor) {
  const tensor = toTensor(fail, argument, value);
  const shapes = like ? [like.shape] : [[channels], [2, channels]];
  if (!shapes.some((shape) => tf.util.arraysEqual(tensor.shape, shape))) {
    fail(
      argument,
      `must have shape ${shapes.map((shape) => `[${shape}]`).join(' or ')}`,
      tensor.shape,
    );
  }
  return tensor;
}

function toControl(fail: Fail, given: OnlineNormOptions, channels: number): Control {
  const rate = 1 - checkFraction(fail, 'alphaBackward', given.alphaBackward ?? 0.99);
  const wanted = checkBoolean(fail, 'updateControl', given.updateControl ?? true);
  const { control, training = true } = given;
  if (control == null || !training) return { state: null, update: false, rate };
  if (typeof control !== 'object') fail('control', 'must be an object of u and v', control);
  const u = toState(fail, 'control.u', control.u, channels);
  const v = toState(fail, 'control.v', control.v, channels, u);
  for (const [name, tensor] of Object.entries({ u, v })) {
    if (wanted && !(tensor instanceof tf.Variable)) {
      fail(`control.${name}`, 'must be a variable, unless updateControl is false', 'a tensor');
    }
  }
  return { state: { u, v }, update: wanted, rate };
}

function onlineNorm_<T extends Tensor>(
  value: T | TensorLike,
  options: OnlineNormOptions,
): OnlineNormResult<T> {
  const fail = opFail('onlineNorm');
  const x = toInput(fail, value, 2);
  const given = options ?? {};
  const axis = resolveChannelAxis(fail, given.axis ?? -1, x.rank);
  const channels = x.shape[axis]!;
  const affine = toAffine(fail, given, [channels]);
  const mean = toState(fail, 'movingMean', given.movingMean, channels);
  const variance = toState(fail, 'movingVariance', given.movingVariance, channels, mean);
  const compensation = checkCompensation(fail, given.errorCompensation ?? 'clamp');
  const scaling = given.layerScalingEpsilon ?? 1e-5;
  const attrs = {
    training: checkBoolean(fail, 'training', given.training ?? true),
    epsilon: checkEpsilon(fail, given.epsilon ?? 1e-5),
    // In double: the float32 of 1 - alpha, not 1 - the float32 of alpha.
    update_rate: 1 - checkFraction(fail, 'alphaForward', given.alphaForward ?? 0.999),
    error_compensation: COMPENSATIONS.indexOf(compensation),
    clamp_value: checkPositive(fail, 'clampValue', given.clampValue ?? 5),
    scaling_epsilon: checkPositive(fail, 'layerScalingEpsilon', scaling),
    ...affine.attributes,
  };
  const control = toControl(fail, given, channels);
  const inputs: Inputs = { ...affine.inputs, moving_mean: mean, moving_variance: variance };
  let states: Tensor[] = [];
  const run = (input: Tensor, channelAxis: number): Tensor => {
    const own = { ...attrs, axis: channelAxis };
    controls.set(own, control);
    const [y, ...rest] = runOp('TfjsOnlineNorm', { x: input, ...inputs }, own);
    states = rest;
    return y!;
  };
  // Channels first and last are what the kernels know.
  const y = axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1));
  return { y: y as T, movingMean: states[0]!, movingVariance: states[1]! };
}

/**
 * Online normalization: each sample is normalized by decaying statistics of the samples before it, so that the result
 * is the same for any batch size.
 *
 *     for each sample:  y = gamma[c] * (x - movingMean) / sqrt(movingVariance + epsilon) + beta[c], compensated
 *                       d = mean(x) - movingMean    r = 1 - alphaForward
 *                       movingVariance = (1 - r) * movingVariance + r * var(x) + r * (1 - r) * d^2
 *                       movingMean = movingMean + r * d
 *     'clamp'           y within [-clampValue, clampValue]
 *     'layerScaling'    y / sqrt(mean(y^2) + layerScalingEpsilon), the mean over the sample
 *
 * `x` has rank 2 or more, its samples on axis 0, in the order in which they count; `gamma` and `beta` have shape [C];
 * `y` has the shape of `x`. The given running statistics are not changed: the new ones are returned. The gradient of x
 * is not the derivative in training but the output of a control process that makes it orthogonal to 1 and to the
 * normalized values over time; each backward pass advances the state of that process, `control`, once. The gradients of
 * gamma and beta are derivatives. There are no gradients of second order.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Chiley et al., Online Normalization for Training Neural Networks, arXiv 1905.05894.
 */
export const onlineNorm = tf.op({ onlineNorm_ }) as typeof onlineNorm_;
