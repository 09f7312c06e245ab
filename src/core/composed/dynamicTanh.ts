/** Dynamic tanh from plain tfjs ops, on a view x[row, channel, position]. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';

export interface TanhSettings {
  /** The first axis of gamma and beta. */
  beginAxis: number;
  /** The number of their axes, 0 for all from the first on. */
  axes: number;
}

function viewOf(x: Tensor, { beginAxis, axes }: TanhSettings) {
  const { shape } = x;
  const end = axes === 0 ? shape.length : beginAxis + axes;
  const channels = sizeOf(shape.slice(beginAxis, end));
  return {
    shape: [sizeOf(shape.slice(0, beginAxis)), channels, sizeOf(shape.slice(end))],
    parameterShape: shape.slice(beginAxis, end),
    perChannel: (parameter: Tensor) => tf.reshape(parameter, [1, channels, 1]),
  };
}

/** The shape of gamma and beta. */
export function tanhParameterShape(x: Tensor, settings: TanhSettings): number[] {
  return viewOf(x, settings).parameterShape;
}

export function dynamicTanh(
  x: Tensor,
  alpha: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  settings: TanhSettings,
): Tensor {
  const { shape, perChannel } = viewOf(x, settings);
  let y = tf.tanh(tf.mul(tf.reshape(x, shape), alpha));
  if (gamma) y = tf.mul(y, perChannel(gamma));
  if (beta) y = tf.add(y, perChannel(beta));
  return tf.reshape(y, x.shape);
}

export function dynamicTanhGrad(
  dy: Tensor,
  x: Tensor,
  alpha: Tensor,
  gamma: Tensor | null,
  settings: TanhSettings,
) {
  const { shape, parameterShape, perChannel } = viewOf(x, settings);
  const g = tf.reshape(dy, shape);
  const gh = gamma ? tf.mul(g, perChannel(gamma)) : g;
  const rows = tf.reshape(x, shape);
  const u = tf.mul(rows, alpha);
  // 1 - tanh(u)^2, without its cancellation.
  const e = tf.exp(tf.mul(tf.abs(u), -2));
  const d = tf.div(1, tf.add(e, 1));
  const slope = tf.mul(tf.mul(e, 4), tf.square(d));
  // A saturated value has no gradient, however large the factor.
  const flat = tf.equal(slope, 0);
  const along = (factor: Tensor) => tf.where(flat, slope, tf.mul(factor, slope));
  return {
    dx: tf.reshape(tf.mul(along(alpha), gh), x.shape),
    dalpha: tf.reshape(tf.sum(tf.mul(gh, along(rows))), [1]),
    dgamma: tf.reshape(tf.sum(tf.mul(g, tf.tanh(u)), [0, 2]), parameterShape),
    dbeta: tf.reshape(tf.sum(g, [0, 2]), parameterShape),
  };
}
