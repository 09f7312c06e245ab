/** The epilogue of generalized Hamming layers from plain tfjs ops. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import type { HammingOutput, HammingThreshold } from '../hamming';

export interface HammingSettings {
  output: HammingOutput;
  threshold: HammingThreshold;
  alpha: number;
}

/** y = factor * t + offset, and taps so that they broadcast against acc. */
function outputOf(acc: Tensor, given: Tensor, output: HammingOutput) {
  const taps =
    given.size === 1 ? given : tf.reshape(given, [1, ...acc.shape.slice(1, -1), 1] as number[]);
  if (output === 'raw') return { taps, factor: tf.mul(taps, 0.5), offset: tf.mul(taps, -0.25) };
  return {
    taps,
    factor: tf.scalar(output === 'distance' ? -1 : 1),
    offset: tf.scalar({ distance: 0.5, similarity: -0.5, centered: 0 }[output]),
  };
}

/** Where the first three thresholds give 0; without any nowhere. NaN is in no zone. */
function zoneOf(acc: Tensor, taps: Tensor, r: Tensor, threshold: HammingThreshold): Tensor {
  if (threshold === 'relu') return tf.lessEqual(acc, 0);
  if (threshold === 'none') return tf.zeros(acc.shape, 'bool');
  const inside = tf.lessEqual(tf.abs(acc), tf.mul(tf.mul(taps, 0.5), r));
  return tf.logicalAnd(inside, tf.broadcastTo(tf.greater(r, 0), acc.shape));
}

/** A sigmoid and its derivative, without cancellation in the tails. */
function sigmoidWithSlope(x: Tensor) {
  const e = tf.exp(tf.neg(tf.abs(x)));
  const large = tf.div(1, tf.add(e, 1));
  const small = tf.mul(e, large);
  return { value: tf.where(tf.less(x, 0), small, large), slope: tf.mul(small, large) };
}

/** The two sigmoids of the soft threshold, of u = alpha * c. */
function softOf(acc: Tensor, taps: Tensor, r: Tensor, alpha: number) {
  const u = tf.mul(acc, tf.div(2 * alpha, taps));
  const end = tf.mul(r, alpha);
  return {
    u,
    above: sigmoidWithSlope(tf.sub(u, end)),
    below: sigmoidWithSlope(tf.sub(tf.neg(u), end)),
  };
}

export function hammingEpilogue(
  acc: Tensor,
  givenTaps: Tensor,
  r: Tensor,
  { output, threshold, alpha }: HammingSettings,
): Tensor {
  const { taps, factor, offset } = outputOf(acc, givenTaps, output);
  if (threshold === 'soft') {
    const { u, above, below } = softOf(acc, taps, r, alpha);
    const t = tf.div(tf.mul(u, tf.add(above.value, below.value)), alpha);
    return tf.add(tf.mul(factor, t), offset);
  }
  // Raw, the two factors are 1 together.
  const scaled = output === 'raw' ? tf.clone(acc) : tf.mul(tf.mul(acc, tf.div(2, taps)), factor);
  const zone = zoneOf(acc, taps, r, threshold);
  return tf.add(tf.where(zone, tf.zerosLike(acc), scaled), offset);
}

export function hammingEpilogueGrad(
  dy: Tensor,
  acc: Tensor,
  givenTaps: Tensor,
  r: Tensor,
  { output, threshold, alpha }: HammingSettings,
): { dacc: Tensor; dr: Tensor } {
  const { taps, factor } = outputOf(acc, givenTaps, output);
  if (threshold === 'soft') {
    const { u, above, below } = softOf(acc, taps, r, alpha);
    const g = tf.mul(dy, factor);
    // A saturated value has no gradient, however large the factor.
    const along = (slope: Tensor) => tf.where(tf.equal(slope, 0), slope, tf.mul(u, slope));
    const byU = tf.add(tf.add(above.value, below.value), along(tf.sub(above.slope, below.slope)));
    const byR = tf.neg(along(tf.add(above.slope, below.slope)));
    const axes = acc.shape.map((_, axis) => axis).slice(0, -1);
    return {
      dacc: tf.mul(tf.mul(g, tf.div(2, taps)), byU),
      dr: tf.sum(tf.mul(g, byR), axes),
    };
  }
  const scaled = output === 'raw' ? tf.clone(dy) : tf.mul(tf.mul(dy, tf.div(2, taps)), factor);
  const zone = zoneOf(acc, taps, r, threshold);
  return { dacc: tf.where(zone, tf.zerosLike(dy), scaled), dr: tf.zeros([0]) };
}
