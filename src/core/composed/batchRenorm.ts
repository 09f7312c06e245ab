/** Batch renormalization from plain tfjs ops (equations in native/norms/batch_renorm.h). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { affine, type SetBackward, type SetView, setNormGrad, standardize } from './setNorm';

export interface RenormState {
  movingMean: Tensor;
  movingStddev: Tensor;
  renormMean: Tensor;
  renormStddev: Tensor;
}

export interface RenormSettings {
  epsilon: number;
  updateRate: number;
  renormUpdateRate: number;
}

/** y, the four new running statistics, corrections and moments. */
export function batchRenorm(
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  state: RenormState,
  clipping: Tensor,
  view: SetView,
  { epsilon, updateRate, renormUpdateRate }: RenormSettings,
): Tensor[] {
  const { xhat, moments, ...own } = standardize(x, view, epsilon);
  const { renormMean, renormStddev, movingMean, movingStddev } = state;
  const perChannel = (values: Tensor): Tensor => tf.reshape(values, renormMean.shape);
  const mean = perChannel(own.mean);
  const stddev = tf.sqrt(tf.add(perChannel(own.variance), epsilon));

  const [rmax, rmin, dmax] = tf.unstack(clipping) as [Tensor, Tensor, Tensor];
  const scale = tf.maximum(renormStddev, Math.sqrt(epsilon));
  const r = tf.minimum(tf.maximum(tf.div(stddev, scale), rmin), rmax);
  const offset = tf.add(tf.sub(perChannel(own.hi), renormMean), perChannel(own.lo));
  const distance = tf.div(offset, scale);
  const d = tf.minimum(tf.maximum(distance, tf.neg(dmax)), dmax);

  const shift = gamma ? tf.mul(gamma, d) : d;
  const corrected = affine(
    xhat,
    gamma ? tf.mul(gamma, r) : r,
    beta ? tf.add(shift, beta) : shift,
    view,
  );
  const follow = (old: Tensor, now: Tensor, rate: number): Tensor =>
    tf.add(old, tf.mul(tf.sub(now, old), rate));
  return [
    tf.reshape(corrected, x.shape),
    follow(movingMean, mean, updateRate),
    follow(movingStddev, stddev, updateRate),
    follow(renormMean, mean, renormUpdateRate),
    follow(renormStddev, stddev, renormUpdateRate),
    tf.stack([r, d]),
    moments,
  ];
}

/** The corrections are constants: gamma r in the place of gamma, dgamma = r * dgamma' + d * dbeta. */
export function batchRenormGrad(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  corrections: Tensor,
  view: SetView,
  epsilon: number,
): SetBackward {
  const [r, d] = tf.unstack(corrections) as [Tensor, Tensor];
  const scale = gamma ? tf.mul(gamma, r) : r;
  const { dx, dgamma, dbeta } = setNormGrad(dy, x, scale, view, epsilon, r.shape);
  return { dx, dgamma: tf.add(tf.mul(dgamma, r), tf.mul(dbeta, d)), dbeta };
}
