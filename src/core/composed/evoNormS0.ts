/** EvoNorm-S0 from plain tfjs ops (equations in native/norms/evo_norm_s0_op.cc). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { broadcast, pairMoments, type SetBackward, type SetView } from './setNorm';
import { centre, rootMeanSquare } from './statistics';

/** y and the moments, by the view of the groups. */
export function evoNormS0(
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  v: Tensor,
  view: SetView,
  epsilon: number,
): Tensor[] {
  const values = tf.reshape(x, view.shape);
  const { centred, hi, lo } = centre(values, view.setAxes);
  const { meanSquare, rho } = rootMeanSquare(centred, view.setAxes, epsilon);
  const gated = tf.mul(values, tf.sigmoid(tf.mul(values, broadcast(v, view))));
  let y = tf.mul(gated, rho);
  if (gamma) y = tf.mul(y, broadcast(gamma, view));
  if (beta) y = tf.add(y, broadcast(beta, view));
  return [tf.reshape(y, x.shape), pairMoments([hi, lo, meanSquare], view)];
}

/** f = x * sigmoid(theta * x) and its derivatives. */
function gateOf(x: Tensor, theta: Tensor) {
  const u = tf.mul(x, theta);
  const e = tf.exp(tf.neg(tf.abs(u)));
  const large = tf.div(1, tf.add(e, 1));
  const small = tf.mul(e, large);
  const value = tf.where(tf.less(u, 0), small, large);
  const slope = tf.mul(small, large);
  // No gradient where the gate is saturated, however large the factor.
  const along = (factor: Tensor) => tf.where(tf.equal(slope, 0), slope, tf.mul(factor, slope));
  return {
    value: tf.mul(x, value),
    byX: tf.add(value, along(u)),
    byTheta: tf.mul(x, along(x)),
  };
}

export function evoNormS0Grad(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  v: Tensor,
  view: SetView,
  epsilon: number,
): SetBackward & { dv: Tensor } {
  const values = tf.reshape(x, view.shape);
  const { centred } = centre(values, view.setAxes);
  const { rho } = rootMeanSquare(centred, view.setAxes, epsilon);
  const f = gateOf(values, broadcast(v, view));
  const g = tf.reshape(dy, view.shape);
  const gh = gamma ? tf.mul(g, broadcast(gamma, view)) : g;
  const normalized = tf.mul(f.value, rho);
  const through = tf.mean(tf.mul(gh, normalized), view.setAxes, true);
  const dx = tf.mul(rho, tf.sub(tf.mul(gh, f.byX), tf.mul(tf.mul(centred, rho), through)));
  const parameter = (terms: Tensor) => tf.reshape(tf.sum(terms, view.parameterAxes), v.shape);
  return {
    dx: tf.reshape(dx, x.shape),
    dgamma: parameter(tf.mul(g, normalized)),
    dbeta: parameter(g),
    dv: parameter(tf.mul(tf.mul(gh, rho), f.byTheta)),
  };
}

/** gamma or beta of the channels on this axis, for x. */
function alongAxis(parameter: Tensor, x: Tensor, axis: number): Tensor {
  return tf.reshape(
    parameter,
    x.shape.map((extent, d) => (d === axis ? extent : 1)),
  );
}

/** Without nonlinearity: y = gamma * x + beta. */
export function channelAffine(
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  axis: number,
): Tensor {
  const y = gamma ? tf.mul(x, alongAxis(gamma, x, axis)) : tf.clone(x);
  return beta ? tf.add(y, alongAxis(beta, x, axis)) : y;
}

export function channelAffineGrad(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  axis: number,
): SetBackward {
  const shape = [sizeOf(x.shape.slice(0, axis)), x.shape[axis]!, sizeOf(x.shape.slice(axis + 1))];
  const parameter = (terms: Tensor) => tf.sum(tf.reshape(terms, shape), [0, 2]);
  return {
    dx: gamma ? tf.mul(dy, alongAxis(gamma, x, axis)) : tf.clone(dy),
    dgamma: parameter(tf.mul(dy, x)),
    dbeta: parameter(dy),
  };
}
