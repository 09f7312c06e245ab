/** Global response norm from plain tfjs ops (equations in native/norms/global_response_norm.h). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import type { SetBackward } from './setNorm';
import { rootMeanSquare } from './statistics';

/** The channels' sizes beside each other; pairs have extent 1 on the axis of the positions. */
function responsesOf(x: Tensor, gamma: Tensor | null, axis: number, epsilon: number) {
  const last = axis === x.rank - 1;
  const [rows, channels] = [x.shape[0]!, x.shape[axis]!];
  const positions = sizeOf(x.shape) / (rows * channels);
  const [position, channel] = last ? [1, 2] : [2, 1];
  const shape = last ? [rows, positions, channels] : [rows, channels, positions];
  const perChannel = last ? [1, 1, channels] : [1, channels, 1];
  const values = tf.reshape(x, shape);
  const { root } = rootMeanSquare(values, [position], epsilon);
  const response = tf.mul(root, Math.sqrt(positions));
  const scale = tf.add(tf.mean(response, channel, true), epsilon);
  const relative = tf.div(response, scale);
  const weight = gamma ? tf.mul(relative, tf.reshape(gamma, perChannel)) : relative;
  return {
    shape,
    position,
    channel,
    perChannel,
    values,
    response,
    scale,
    relative,
    slope: tf.add(weight, 1),
  };
}

/** y and the responses, [N, C]. */
export function globalResponseNorm(
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  axis: number,
  epsilon: number,
): Tensor[] {
  const { values, slope, response, perChannel } = responsesOf(x, gamma, axis, epsilon);
  const scaled = tf.mul(values, slope);
  const y = beta ? tf.add(scaled, tf.reshape(beta, perChannel)) : scaled;
  const responses = tf.reshape(response, [x.shape[0]!, x.shape[axis]!]);
  return [tf.reshape(y, x.shape), responses];
}

export function globalResponseNormGrad(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  axis: number,
  epsilon: number,
): SetBackward {
  const r = responsesOf(x, gamma, axis, epsilon);
  const g = tf.reshape(dy, r.shape);
  const product = tf.sum(tf.mul(g, r.values), r.position, true);
  const scaled = gamma ? tf.mul(product, tf.reshape(gamma, r.perChannel)) : product;
  const shared = tf.mean(tf.mul(scaled, r.relative), r.channel, true);
  const ofResponse = tf.div(tf.sub(scaled, shared), r.scale);
  // x is 0 where the response is.
  const through = tf.mul(r.values, tf.divNoNan(ofResponse, r.response));
  const parameter = (terms: Tensor): Tensor =>
    tf.reshape(tf.sum(terms, [0, r.position]), [x.shape[axis]!]);
  return {
    dx: tf.reshape(tf.add(tf.mul(g, r.slope), through), x.shape),
    dgamma: parameter(tf.mul(product, r.relative)),
    dbeta: parameter(g),
  };
}
