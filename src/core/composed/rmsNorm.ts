/** RMS norm from plain tfjs ops, on rows x[row, column]. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { rootMeanSquare } from './statistics';

export interface RmsSettings {
  beginAxis: number;
  epsilon: number;
  epsilonInside: boolean;
  /** Columns that enter the mean square, 0 for all. */
  partial: number;
}

function rowsOf(x: Tensor, { beginAxis, partial, epsilon, epsilonInside }: RmsSettings) {
  const rows = tf.reshape(x, [
    sizeOf(x.shape.slice(0, beginAxis)),
    sizeOf(x.shape.slice(beginAxis)),
  ]);
  const columns = rows.shape[1]!;
  const used = partial === 0 ? columns : partial;
  const entering = used === columns ? rows : tf.slice(rows, [0, 0], [-1, used]);
  return { rows, used, columns, ...rootMeanSquare(entering, [1], epsilon, epsilonInside) };
}

export function rmsNorm(
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  settings: RmsSettings,
): Tensor[] {
  const { rows, columns, rho, meanSquare } = rowsOf(x, settings);
  let y = tf.mul(rows, rho);
  if (gamma) y = tf.mul(y, tf.reshape(gamma, [1, columns]));
  if (beta) y = tf.add(y, tf.reshape(beta, [1, columns]));
  return [tf.reshape(y, x.shape), tf.reshape(meanSquare, [rows.shape[0]!])];
}

/**
 * dx = rho * (gh - x * f * sum(gh * x) / k), gh = gamma * dy, the second term for the k columns of the statistic;
 * f = rho^2 with epsilon inside the root, rho / root outside (0 where the root is 0).
 */
export function rmsNormGrad(dy: Tensor, x: Tensor, gamma: Tensor | null, settings: RmsSettings) {
  const { rows, columns, used, rho, root } = rowsOf(x, settings);
  const g = tf.reshape(dy, rows.shape);
  const gh = gamma ? tf.mul(g, tf.reshape(gamma, [1, columns])) : g;
  const xhat = tf.mul(rows, rho);
  const projection = tf.div(tf.sum(tf.mul(gh, xhat), 1, true), used);
  // xhat * rho in place of x * rho^2, and rows / root in place of x * rho / root / rho: large x do not overflow.
  const direction = settings.epsilonInside ? xhat : tf.divNoNan(rows, root);
  let term = tf.mul(direction, projection);
  if (used !== columns) {
    term = tf.pad(tf.slice(term, [0, 0], [-1, used]), [
      [0, 0],
      [0, columns - used],
    ]);
  }
  const parameterShape = x.shape.slice(settings.beginAxis);
  return {
    dx: tf.reshape(tf.mul(rho, tf.sub(gh, term)), x.shape),
    dgamma: tf.reshape(tf.sum(tf.mul(g, xhat), 0), parameterShape),
    dbeta: tf.reshape(tf.sum(g, 0), parameterShape),
  };
}
