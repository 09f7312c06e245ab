/** Attentive norm from plain tfjs ops (equations in native/norms/attentive_norm.h). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { type AttentionParameters, type AttentionSettings, attend, attendGrad } from './attention';
import { batchNormInference, batchNormInferenceGrad, updateRunning } from './batchNorm';
import { batchView, groupView, setNorm, setNormGrad } from './setNorm';
import { centre, rootMeanSquare } from './statistics';

export interface AttentiveSettings {
  axis: number;
  epsilon: number;
  training: boolean;
  /** Of the group backbone; null: batch. */
  groups: number | null;
  squeeze: 'rsd' | 'mean';
  squeezeEpsilon: number;
  unbiasedSqueezeVariance: boolean;
  attention: AttentionSettings;
}

export interface AttentiveInputs {
  x: Tensor;
  gamma: Tensor | null;
  beta: Tensor | null;
  kernel: Tensor;
  movingMean: Tensor;
  movingVariance: Tensor;
  attention: AttentionParameters;
}

const matMul = (a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor =>
  tf.matMul(a as never, b as never, transposeA, transposeB);

/** x by sample, position and channel, and what the attention makes of each sample and channel. */
function squeezed(inputs: AttentiveInputs, settings: AttentiveSettings) {
  const { x, kernel } = inputs;
  const { axis, squeeze, squeezeEpsilon } = settings;
  const last = axis === x.rank - 1;
  const [rows, channels] = [x.shape[0]!, x.shape[axis]!];
  const positions = sizeOf(x.shape) / (rows * channels);
  const shape = last ? [rows, positions, channels] : [rows, channels, positions];
  const position = last ? 1 : 2;
  const f = settings.unbiasedSqueezeVariance && positions > 1 ? positions / (positions - 1) : 1;

  const { centred, hi, lo } = centre(tf.reshape(x, shape), [position]);
  const own = rootMeanSquare(centred, [position], squeezeEpsilon / f);
  const pairs = (of: Tensor): Tensor => tf.reshape(of, [rows, channels]);
  const scale = squeeze === 'mean' ? tf.ones([rows, channels]) : pairs(tf.div(own.rho, f ** 0.5));
  const s = tf.mul(pairs(tf.add(hi, lo)), scale);
  const attention = attend(s, kernel, inputs.attention, settings.attention);
  return {
    shape,
    position,
    positions,
    f,
    centred,
    moments: () => tf.reshape(tf.stack([hi, lo, own.meanSquare]), [3, rows, channels]),
    scale,
    s,
    attention,
    /** The mixture of the rows of a [K, C] parameter for each sample and channel, and for its elements. */
    mix: (parameter: Tensor): Tensor => matMul(attention.lambda, parameter),
    spread: (of: Tensor): Tensor =>
      tf.reshape(of, last ? [rows, 1, channels] : [rows, channels, 1]),
  };
}

/** The standardization: a norm without parameters. */
function backbone({ x, movingMean, movingVariance }: AttentiveInputs, settings: AttentiveSettings) {
  const { axis, epsilon, groups, training } = settings;
  if (groups === null && !training) {
    const given = { axis, epsilon, gamma: null, mean: movingMean, variance: movingVariance };
    return {
      xhat: batchNormInference(x, null, given),
      moved: () => [tf.clone(movingMean), tf.clone(movingVariance)],
      grad: (dy: Tensor): Tensor => batchNormInferenceGrad(dy, x, given).dx,
    };
  }
  const view = groups === null ? batchView(x.shape, axis, 0) : groupView(x.shape, axis, groups);
  const result = setNorm(x, null, null, view, epsilon);
  return {
    xhat: result.y,
    moved: (updateRate: number, unbiased: boolean) => {
      if (groups !== null) return [tf.clone(movingMean), tf.clone(movingVariance)];
      const old = { mean: movingMean, variance: movingVariance };
      const { mean, variance } = updateRunning(old, result, view, { updateRate, unbiased });
      return [mean, variance];
    },
    grad: (dy: Tensor): Tensor => setNormGrad(dy, x, null, view, epsilon, [x.shape[axis]!]).dx,
  };
}

export function attentiveNorm(
  inputs: AttentiveInputs,
  update: { rate: number; unbiased: boolean },
  settings: AttentiveSettings,
): Tensor[] {
  const { x, gamma, beta } = inputs;
  const { movingMean, movingVariance } = inputs.attention;
  const q = squeezed(inputs, settings);
  const { xhat, moved } = backbone(inputs, settings);
  let y = tf.reshape(xhat, q.shape);
  if (gamma) y = tf.mul(y, q.spread(q.mix(gamma)));
  if (beta) y = tf.add(y, q.spread(q.mix(beta)));
  const { batch } = q.attention;
  const count = x.shape[0]!;
  const factor = update.unbiased ? count / Math.max(count - 1, 1) : 1;
  const follow = (old: Tensor, now: Tensor | undefined, by: number): Tensor =>
    now
      ? tf.add(old, tf.mul(tf.sub(tf.mul(tf.reshape(now, old.shape), by), old), update.rate))
      : tf.clone(old);
  return [
    tf.reshape(y, x.shape),
    ...moved(update.rate, update.unbiased),
    follow(movingMean, batch?.mean, 1),
    follow(movingVariance, batch?.variance, factor),
    q.attention.lambda,
    q.moments(),
  ];
}

export function attentiveNormGrad(
  dy: Tensor,
  inputs: AttentiveInputs,
  settings: AttentiveSettings,
) {
  const { x, gamma, beta, kernel } = inputs;
  const q = squeezed(inputs, settings);
  const { xhat, grad } = backbone(inputs, settings);
  const { attention } = q;
  const g = tf.reshape(dy, q.shape);
  // Of the mixed scale and offset of each sample and channel.
  const dScale = tf.sum(tf.mul(g, tf.reshape(xhat, q.shape)), q.position);
  const dOffset = tf.sum(g, q.position);
  const scaled = gamma ? tf.reshape(tf.mul(g, q.spread(q.mix(gamma))), x.shape) : dy;

  const ofScale = gamma && matMul(dScale, gamma, false, true);
  const ofOffset = beta && matMul(dOffset, beta, false, true);
  const parts = [ofScale, ofOffset].filter((part) => part !== null);
  const dLambda = parts.length > 0 ? tf.addN(parts) : tf.zerosLike(attention.lambda);
  const { dz, ...vectors } = attendGrad(dLambda, attention, inputs.attention, settings.attention);

  const ds = tf.mul(matMul(dz, kernel), q.scale);
  let squeeze = q.spread(tf.div(ds, q.positions));
  if (settings.squeeze === 'rsd') {
    const slope = tf.mul(tf.mul(ds, q.s), tf.mul(q.scale, -q.f / q.positions));
    squeeze = tf.add(tf.mul(q.spread(slope), q.centred), squeeze);
  }
  const s = attention.origin ? tf.sub(q.s, attention.origin) : q.s;
  return {
    dx: tf.reshape(tf.add(tf.reshape(grad(scaled), q.shape), squeeze), x.shape),
    dgamma: matMul(attention.lambda, dScale, true),
    dbeta: matMul(attention.lambda, dOffset, true),
    dKernel: matMul(dz, s, true),
    ...vectors,
  };
}
