/** The attention of attentive norm from plain tfjs ops: from the samples' logits to weights, and back. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { centre, rootMeanSquare } from './statistics';

export type AttentionNorm = 'none' | 'batch' | 'layer';
export type AttentionActivation = 'hardSigmoid' | 'sigmoid' | 'softmax';

export interface AttentionSettings {
  norm: AttentionNorm;
  activation: AttentionActivation;
  training: boolean;
  epsilon: number;
}

/** [K] each; the first three null where there is none. */
export interface AttentionParameters {
  bias: Tensor | null;
  gamma: Tensor | null;
  beta: Tensor | null;
  movingMean: Tensor;
  movingVariance: Tensor;
}

export interface AttentionResult {
  /** The weights of the mixtures, [N, K]. */
  lambda: Tensor;
  /** The normalized logits, [N, K]. */
  h: Tensor;
  /** What the logits were multiplied with; null without a norm. */
  rho: Tensor | null;
  /** The batch statistics of the logits, [1, K], where they are x's own. */
  batch: { mean: Tensor; variance: Tensor } | null;
  /** Added to the samples' squeezed values, these give them back: whatever is common to all samples drops out. */
  origin: Tensor | null;
}

function activate(zt: Tensor, activation: AttentionActivation): Tensor {
  if (activation === 'sigmoid') return tf.sigmoid(zt);
  if (activation === 'softmax') return tf.softmax(zt, 1);
  return tf.clipByValue(tf.div(tf.add(zt, 3), 6), 0, 1);
}

/** From the squeezed channels, [N, C], and the kernel, [K, C]. */
export function attend(
  squeezed: Tensor,
  kernel: Tensor,
  { bias, gamma, beta, movingMean, movingVariance }: AttentionParameters,
  { norm, activation, training, epsilon }: AttentionSettings,
): AttentionResult {
  const product = (s: Tensor): Tensor => tf.matMul(s as never, kernel as never, false, true);
  const withBias = (z: Tensor): Tensor => (bias ? tf.add(z, bias) : z);
  const finish = (h: Tensor, rest: Omit<AttentionResult, 'h' | 'lambda'>): AttentionResult => {
    const zt = gamma && beta ? tf.add(tf.mul(h, gamma), beta) : h;
    return { h, lambda: activate(zt, activation), ...rest };
  };
  if (norm === 'batch' && training) {
    // Relative to the first sample, so that float32 holds the differences.
    const origin = tf.slice(squeezed, [0, 0], [1, -1]);
    const { centred, hi, lo } = centre(product(tf.sub(squeezed, origin)), [0]);
    const { rho, meanSquare } = rootMeanSquare(centred, [0], epsilon);
    const mean = tf.add(withBias(product(origin)), tf.add(hi, lo));
    return finish(tf.mul(centred, rho), { rho, batch: { mean, variance: meanSquare }, origin });
  }
  const z = withBias(product(squeezed));
  const none = { batch: null, origin: null };
  if (norm === 'none') return finish(z, { rho: null, ...none });
  if (norm === 'batch') {
    const rho = tf.rsqrt(tf.add(movingVariance, epsilon));
    return finish(tf.mul(tf.sub(z, movingMean), rho), { rho, ...none });
  }
  const { centred } = centre(z, [1]);
  const { rho } = rootMeanSquare(centred, [1], epsilon);
  return finish(tf.mul(centred, rho), { rho, ...none });
}

function activationGrad(lambda: Tensor, d: Tensor, activation: AttentionActivation): Tensor {
  if (activation === 'sigmoid') return tf.mul(d, tf.mul(lambda, tf.sub(1, lambda)));
  if (activation === 'softmax') {
    // Relative to one of them, so that equal ones cancel exactly.
    const relative = tf.sub(d, tf.slice(d, [0, 0], [-1, 1]));
    return tf.mul(lambda, tf.sub(relative, tf.sum(tf.mul(lambda, relative), 1, true)));
  }
  const saturated = tf.logicalOr(tf.lessEqual(lambda, 0), tf.greaterEqual(lambda, 1));
  return tf.where(saturated, tf.zerosLike(d), tf.div(d, 6));
}

/** The gradients of the logits, [N, K], and of the vectors, [K], from that of the weights. */
export function attendGrad(
  dLambda: Tensor,
  { lambda, h, rho }: AttentionResult,
  { gamma }: AttentionParameters,
  { norm, activation, training }: AttentionSettings,
) {
  const d = activationGrad(lambda, dLambda, activation);
  const through = (): Tensor => {
    if (!rho) return d;
    const g = gamma ? tf.mul(d, gamma) : d;
    if (norm === 'batch' && !training) return tf.mul(g, rho);
    const over = norm === 'batch' ? 0 : 1;
    const mean = tf.mean(g, over, true);
    const along = tf.mul(h, tf.mean(tf.mul(g, h), over, true));
    return tf.mul(rho, tf.sub(tf.sub(g, mean), along));
  };
  const dz = through();
  return {
    dz,
    dBias: tf.sum(dz, 0),
    dGamma: tf.sum(tf.mul(d, h), 0),
    dBeta: tf.sum(d, 0),
  };
}
