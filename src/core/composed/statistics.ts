/**
 * Careful float32 statistics from plain tfjs ops.
 *
 * The mean is first taken relative to one element of the set (so that equal values are centred to exactly 0), then
 * corrected by the mean of what is left: hi + lo, as in the native kernels. Never E[x^2] - E[x]^2.
 */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';

// Values whose squares would leave float32 are scaled; others are not touched, so that nothing is rounded twice.
const LARGE = 1e15;

export interface Centred {
  /** x - mean */
  centred: Tensor;
  hi: Tensor;
  lo: Tensor;
}

/** Takes the mean over `axes` off. hi and lo keep the reduced axes with extent 1. */
export function centre(x: Tensor, axes: number[]): Centred {
  const one = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const first = tf.slice(
    x,
    x.shape.map(() => 0),
    one,
  );
  const hi = tf.add(first, tf.mean(tf.sub(x, first), axes, true));
  const off = tf.sub(x, hi);
  const lo = tf.mean(off, axes, true);
  return { centred: tf.sub(off, lo), hi, lo };
}

export interface RootMeanSquare {
  /** The mean of x^2 over the axes, which keep extent 1. */
  meanSquare: Tensor;
  /** 1 / sqrt(meanSquare + epsilon), or 1 / (sqrt(meanSquare) + epsilon). */
  rho: Tensor;
  root: Tensor;
}

export function rootMeanSquare(
  x: Tensor,
  axes: number[],
  epsilon: number | Tensor,
  inside = true,
): RootMeanSquare {
  const largest = tf.max(tf.abs(x), axes, true);
  const unit = tf.where(tf.greater(largest, LARGE), largest, tf.onesLike(largest));
  const meanSquare = tf.mean(tf.square(tf.div(x, unit)), axes, true);
  const small = inside ? tf.div(tf.div(epsilon, unit), unit) : tf.div(epsilon, unit);
  const root = tf.sqrt(meanSquare);
  const scaled = inside ? tf.sqrt(tf.add(meanSquare, small)) : tf.add(root, small);
  return {
    meanSquare: tf.mul(tf.mul(meanSquare, unit), unit),
    rho: tf.div(tf.div(1, scaled), unit),
    root: tf.mul(root, unit),
  };
}
