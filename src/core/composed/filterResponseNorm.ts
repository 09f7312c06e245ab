/** Filter response norm from plain tfjs ops (equations in native/norms/filter_response_norm.h). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { rootMeanSquare } from './statistics';

export interface FilterResponseInputs {
  x: Tensor;
  gamma: Tensor | null;
  tau: Tensor | null;
  learnedEpsilon: Tensor | null;
}

/** x[row, position, channel] or [row, channel, position], and 1 / root of the mean square of its pairs. */
function pairsOf({ x, learnedEpsilon }: FilterResponseInputs, epsilon: number, axis: number) {
  const last = axis === x.rank - 1;
  const [rows, channels] = [x.shape[0]!, x.shape[axis]!];
  const positions = sizeOf(x.shape) / (rows * channels);
  const perChannel = last ? [1, 1, channels] : [1, channels, 1];
  const position = last ? 1 : 2;
  const ofChannels = (values: Tensor): Tensor =>
    tf.reshape(values, values.size === channels ? perChannel : [1, 1, 1]);
  const learned = learnedEpsilon && ofChannels(learnedEpsilon);
  const added = learned ? tf.add(tf.abs(learned), epsilon) : tf.scalar(epsilon);
  const view = tf.reshape(x, last ? [rows, positions, channels] : [rows, channels, positions]);
  const { meanSquare, rho } = rootMeanSquare(view, [position], added);
  return {
    view,
    rows,
    channels,
    positions,
    position,
    ofChannels,
    learned,
    added,
    meanSquare,
    // Of zeros, where epsilon is 0 too.
    rho: tf.where(tf.isInf(rho), tf.zerosLike(rho), rho),
  };
}

/** y, and the mean squares, A and B of y = max(A x + B, tau). */
export function filterResponseNorm(
  inputs: FilterResponseInputs,
  beta: Tensor | null,
  epsilon: number,
  axis: number,
): Tensor[] {
  const { x, gamma, tau } = inputs;
  const { view, rho, meanSquare, ofChannels, rows, channels } = pairsOf(inputs, epsilon, axis);
  const a = gamma ? tf.mul(rho, ofChannels(gamma)) : rho;
  let offset = beta ?? tf.zeros([channels]);
  if (tau) offset = tf.where(tf.isNaN(tau), tau, offset);
  const b = tf.mul(tf.onesLike(rho), ofChannels(offset));
  const z = tf.add(tf.mul(view, a), b);
  const y = tau ? bounded(z, ofChannels(tau)).y : z;
  return [tf.reshape(y, x.shape), tf.reshape(tf.stack([meanSquare, a, b]), [3, rows, channels])];
}

/** A NaN in z passes; in tau it has made z NaN. */
function bounded(z: Tensor, tau: Tensor) {
  const below = tf.less(z, tau);
  return { below, y: tf.where(below, tau, z) };
}

export function filterResponseNormGrad(
  dy: Tensor,
  inputs: FilterResponseInputs,
  responses: Tensor,
  epsilon: number,
  axis: number,
) {
  const { x, gamma, tau } = inputs;
  const { view, rho, position, positions, channels, ofChannels, learned, added } = pairsOf(
    inputs,
    epsilon,
    axis,
  );
  const [, a, b] = tf.unstack(responses).map((values) => tf.reshape(values, rho.shape));
  const given = tf.reshape(dy, view.shape);
  let within = given;
  let outside: Tensor | null = null;
  if (tau) {
    const { below } = bounded(tf.add(tf.mul(view, a!), b!), ofChannels(tau));
    const zero = tf.zerosLike(given);
    within = tf.where(below, zero, given);
    outside = tf.where(below, given, zero);
  }
  const scale = gamma ? tf.mul(rho, ofChannels(gamma)) : rho;
  const xhat = tf.mul(view, rho);
  const q = tf.sum(tf.mul(within, xhat), position, true);
  // Of one position the difference is dy * rho^2 * epsilon, and would be rounding.
  const direction =
    positions === 1
      ? tf.mul(within, tf.mul(tf.square(rho), added))
      : tf.sub(within, tf.mul(xhat, tf.div(q, positions)));
  const parameter = (terms: Tensor): Tensor => tf.reshape(tf.sum(terms, [0, position]), [channels]);
  const epsilonTerms = () => tf.mul(tf.mul(tf.mul(tf.mul(scale, rho), q), -0.5), tf.sign(learned!));
  const ofEpsilon = () => {
    const { size } = learned!;
    return size === channels ? parameter(epsilonTerms()) : tf.reshape(tf.sum(epsilonTerms()), [1]);
  };
  return {
    dx: tf.reshape(tf.mul(scale, direction), x.shape),
    dgamma: parameter(q),
    dbeta: parameter(within),
    dtau: outside && parameter(outside),
    dLearnedEpsilon: learned && ofEpsilon(),
  };
}
