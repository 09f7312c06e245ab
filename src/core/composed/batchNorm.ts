/** What batch norm has beside the set norm: running statistics, and inference with given statistics. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import type { SetView } from './setNorm';

export interface RunningUpdate {
  updateRate: number;
  unbiased: boolean;
}

/** new = old + rate * (value - old), set after set; the variance times M / max(M - 1, 1) when unbiased. */
export function updateRunning(
  old: { mean: Tensor; variance: Tensor },
  sets: { mean: Tensor; variance: Tensor },
  { shape, setAxes }: SetView,
  { updateRate, unbiased }: RunningUpdate,
): { mean: Tensor; variance: Tensor } {
  const count = sizeOf(setAxes.map((axis) => shape[axis]!));
  const correction = unbiased ? count / Math.max(count - 1, 1) : 1;
  const [ghosts, channels] = [shape[0]!, old.mean.shape[0]!];
  const follow = (start: Tensor, values: Tensor, factor: number): Tensor => {
    const rows = tf.unstack(tf.reshape(values, [ghosts, channels]));
    return rows.reduce((now, value) => {
      const target = factor === 1 ? value : tf.mul(value, factor);
      return tf.add(now, tf.mul(tf.sub(target, now), updateRate));
    }, tf.clone(start));
  };
  return {
    mean: follow(old.mean, sets.mean, 1),
    variance: follow(old.variance, sets.variance, correction),
  };
}

/** x as [before, channels, after]. */
function byChannel(x: Tensor, axis: number): Tensor {
  const { shape } = x;
  return tf.reshape(x, [sizeOf(shape.slice(0, axis)), shape[axis]!, sizeOf(shape.slice(axis + 1))]);
}

const perChannel = (parameter: Tensor): Tensor => tf.reshape(parameter, [1, parameter.size, 1]);

export interface Given {
  axis: number;
  epsilon: number;
  gamma: Tensor | null;
  mean: Tensor;
  variance: Tensor;
}

const rhoOf = ({ variance, epsilon }: Given): Tensor => tf.rsqrt(tf.add(variance, epsilon));

export function batchNormInference(x: Tensor, beta: Tensor | null, given: Given): Tensor {
  const rho = rhoOf(given);
  const scale = given.gamma ? tf.mul(rho, given.gamma) : rho;
  const centred = tf.sub(byChannel(x, given.axis), perChannel(given.mean));
  const y = tf.mul(centred, perChannel(scale));
  return tf.reshape(beta ? tf.add(y, perChannel(beta)) : y, x.shape);
}

/** dx = gamma*rho*dy, dgamma = sum dy*xhat, dbeta = sum dy, dmean = -gamma*rho*dbeta, dvariance = -rho^2*gamma*dgamma/2. */
export function batchNormInferenceGrad(dy: Tensor, x: Tensor, given: Given) {
  const rho = rhoOf(given);
  const scale = given.gamma ? tf.mul(rho, given.gamma) : rho;
  const g = byChannel(dy, given.axis);
  const centred = tf.sub(byChannel(x, given.axis), perChannel(given.mean));
  const dbeta = tf.sum(g, [0, 2]);
  const dgamma = tf.mul(rho, tf.sum(tf.mul(g, centred), [0, 2]));
  return {
    dx: tf.reshape(tf.mul(g, perChannel(scale)), x.shape),
    dgamma,
    dbeta,
    dmean: tf.neg(tf.mul(scale, dbeta)),
    dvariance: tf.mul(tf.mul(tf.mul(scale, rho), dgamma), -0.5),
  };
}
