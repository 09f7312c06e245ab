/** Weight normalization from plain tfjs ops (equations in native/norms/weight_norm.h). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { centre } from './statistics';

/** As the native op numbers them. */
export const DIVISORS = ['norm', 'deviation', 'unbiasedDeviation', 'rootOfVariance'] as const;
export type Divisor = (typeof DIVISORS)[number];

export interface WeightSettings {
  /** The first of the kept axes, and how many there are. */
  axis: number;
  keptAxes: number;
  divisor: Divisor;
  center: boolean;
  epsilon: number;
}

const OVER = [0, 2];

/** The weight as [outer, kept, inner]; statistics have shape [1, kept, 1]. */
function viewOf(x: Tensor, { axis, keptAxes }: WeightSettings): [number, number, number] {
  const first = keptAxes === 0 ? 0 : axis < 0 ? axis + x.rank : axis;
  return [
    sizeOf(x.shape.slice(0, first)),
    sizeOf(x.shape.slice(first, first + keptAxes)),
    sizeOf(x.shape.slice(first + keptAxes)),
  ];
}

/** s of the sum of squares, and twice its slope. */
function scaleOf(square: Tensor, fan: number, { divisor, epsilon }: WeightSettings) {
  const cubed = (s: Tensor) => tf.mul(tf.square(s), s);
  if (divisor === 'norm') {
    // Not tf.maximum, which would turn a NaN into epsilon on some backends.
    const clamped = tf.lessEqual(square, epsilon);
    const s = tf.div(1, tf.sqrt(tf.where(clamped, tf.fill(square.shape, epsilon), square)));
    return { s, slope: tf.where(clamped, tf.zerosLike(s), tf.neg(cubed(s))) };
  }
  if (divisor === 'rootOfVariance') {
    const s = tf.div(1, tf.sqrt(tf.add(tf.div(square, fan), epsilon)));
    return { s, slope: tf.div(cubed(s), -fan) };
  }
  const k = divisor === 'deviation' ? fan : Math.max(fan - 1, 1);
  const deviation = tf.sqrt(tf.div(square, k));
  const s = tf.div(1, tf.add(deviation, epsilon));
  return { s, slope: tf.neg(tf.divNoNan(tf.square(s), tf.mul(deviation, k))) };
}

function statisticsOf(x: Tensor, settings: WeightSettings) {
  const shape = viewOf(x, settings);
  const view = tf.reshape(x, shape);
  const fan = shape[0] * shape[2];
  const zeros = tf.zeros([1, shape[1], 1]);
  const { centred, hi, lo } = settings.center
    ? centre(view, OVER)
    : { centred: view, hi: zeros, lo: zeros };
  const square = tf.sum(tf.square(centred), OVER, true);
  return { shape, fan, centred, hi, lo, square, ...scaleOf(square, fan, settings) };
}

const gainOf = (gamma: Tensor | null, kept: number): Tensor =>
  gamma ? tf.reshape(gamma, [1, kept, 1]) : tf.ones([1, kept, 1]);

/** y, and the moments [3, kept]. */
export function weightNorm(x: Tensor, gamma: Tensor | null, settings: WeightSettings) {
  const [, kept] = viewOf(x, settings);
  if (x.size === 0) return { y: tf.clone(x), moments: tf.zeros([3, kept]) as Tensor };
  const { centred, hi, lo, square, fan, s } = statisticsOf(x, settings);
  const y = tf.mul(centred, tf.mul(gainOf(gamma, kept), s));
  const moments = tf.reshape(tf.stack([hi, lo, tf.div(square, fan)]), [3, kept]);
  return { y: tf.reshape(y, x.shape), moments };
}

/** dx, and dgamma [kept]. */
export function weightNormGrad(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  settings: WeightSettings,
) {
  const [, kept] = viewOf(x, settings);
  if (x.size === 0) return { dx: tf.zerosLike(x), dgamma: tf.zeros([kept]) as Tensor };
  const { shape, centred, fan, s, slope } = statisticsOf(x, settings);
  const g = tf.reshape(dy, shape);
  const along = tf.sum(tf.mul(g, centred), OVER, true);
  const direct = settings.center ? tf.sub(g, tf.mean(g, OVER, true)) : g;
  const du = tf.add(tf.mul(s, direct), tf.mul(tf.mul(slope, along), centred));
  // Of a single centred value nothing is left, not even a rounding.
  const dx = settings.center && fan === 1 ? tf.zerosLike(du) : tf.mul(gainOf(gamma, kept), du);
  return { dx: tf.reshape(dx, x.shape), dgamma: tf.reshape(tf.mul(s, along), [kept]) };
}
