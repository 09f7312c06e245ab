/** Batch, ghost batch, group, instance and layer norm from plain tfjs ops: one formula over a view of x. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { centre, rootMeanSquare } from './statistics';

/** x reshaped so that sets that share a statistic, and elements that share a parameter, are whole axes. */
export interface SetView {
  shape: number[];
  /** The axes over which a set extends. */
  setAxes: number[];
  /** The axes over which a parameter extends. */
  parameterAxes: number[];
  /** What the moments tensor holds: [3, rows, channels], or [3, rows]. */
  momentsShape: number[];
}

/** Axes [set, position, group, channel of the group] or [set, row of the set, group, channel of the group, position]. */
function channelView(shape: number[], axis: number, sets: number, groups: number): SetView {
  const channels = shape[axis]!;
  const perGroup = groups === 0 ? 0 : channels / groups;
  if (axis === shape.length - 1) {
    const positions = sizeOf(shape.slice(0, axis)) / sets;
    return {
      shape: [sets, positions, groups, perGroup],
      setAxes: [1, 3],
      parameterAxes: [0, 1],
      momentsShape: [3, sets, channels],
    };
  }
  const rows = sizeOf(shape.slice(0, axis));
  return {
    shape: [sets, rows / sets, groups, perGroup, sizeOf(shape.slice(axis + 1))],
    setAxes: [1, 3, 4],
    parameterAxes: [0, 1, 4],
    momentsShape: [3, rows, channels],
  };
}

export function batchView(shape: number[], axis: number, virtualBatchSize: number): SetView {
  const ghosts = virtualBatchSize === 0 ? 1 : shape[0]! / virtualBatchSize;
  return channelView(shape, axis, ghosts, shape[axis]!);
}

export function groupView(shape: number[], axis: number, groups: number): SetView {
  return channelView(shape, axis, shape[0]!, groups);
}

export function rowView(shape: number[], beginAxis: number): SetView {
  const rows = sizeOf(shape.slice(0, beginAxis));
  return {
    shape: [rows, sizeOf(shape.slice(beginAxis))],
    setAxes: [1],
    parameterAxes: [0],
    momentsShape: [3, rows],
  };
}

export function broadcast(parameter: Tensor, { shape, parameterAxes }: SetView): Tensor {
  return tf.reshape(
    parameter,
    shape.map((extent, axis) => (parameterAxes.includes(axis) ? 1 : extent)),
  );
}

export interface Standardized {
  /** (x - mean) / sqrt(variance + epsilon), in the shape of the view. */
  xhat: Tensor;
  moments: Tensor;
  /** Of each set, with its axes reduced to extent 1; hi + lo is the mean, which a float32 may not hold. */
  mean: Tensor;
  hi: Tensor;
  lo: Tensor;
  variance: Tensor;
}

export function standardize(x: Tensor, view: SetView, epsilon: number): Standardized {
  const { centred, hi, lo } = centre(tf.reshape(x, view.shape), view.setAxes);
  const { meanSquare: variance, rho } = rootMeanSquare(centred, view.setAxes, epsilon);
  return {
    xhat: tf.mul(centred, rho),
    moments: pairMoments([hi, lo, variance], view),
    mean: tf.add(hi, lo),
    hi,
    lo,
    variance,
  };
}

/** gamma * xhat + beta, each null where there is none. */
export function affine(
  xhat: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  view: SetView,
): Tensor {
  const scaled = gamma ? tf.mul(xhat, broadcast(gamma, view)) : xhat;
  return beta ? tf.add(scaled, broadcast(beta, view)) : scaled;
}

export interface SetForward extends Omit<Standardized, 'xhat'> {
  y: Tensor;
}

/** y and the statistics. gamma and beta are null where there are none. */
export function setNorm(
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  view: SetView,
  epsilon: number,
): SetForward {
  const { xhat, ...statistics } = standardize(x, view, epsilon);
  return { y: tf.reshape(affine(xhat, gamma, beta, view), x.shape), ...statistics };
}

/** The statistics of each set for each of its (row, channel) pairs, as the native kernels lay them out. */
export function pairMoments(
  statistics: Tensor[],
  { shape, setAxes, momentsShape }: SetView,
): Tensor {
  // The position axis, which pairs do not have: 1 of [set, position, ..], 4 of [set, row, .., position].
  const position = shape.length === 5 ? 4 : 1;
  const reps = shape.map((extent, axis) =>
    setAxes.includes(axis) && axis !== position ? extent : 1,
  );
  return tf.reshape(tf.stack(statistics.map((value) => tf.tile(value, reps))), momentsShape);
}

export interface SetBackward {
  dx: Tensor;
  dgamma: Tensor;
  dbeta: Tensor;
}

/** dx = rho * (gh - mean(gh) - xhat * mean(gh * xhat)), gh = gamma * dy; the statistics are taken again from x. */
export function setNormGrad(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor | null,
  view: SetView,
  epsilon: number,
  parameterShape: number[],
): SetBackward {
  const { centred } = centre(tf.reshape(x, view.shape), view.setAxes);
  const { rho } = rootMeanSquare(centred, view.setAxes, epsilon);
  const xhat = tf.mul(centred, rho);
  const g = tf.reshape(dy, view.shape);
  const gh = gamma ? tf.mul(g, broadcast(gamma, view)) : g;
  const meanGh = tf.mean(gh, view.setAxes, true);
  const meanGhXhat = tf.mean(tf.mul(gh, xhat), view.setAxes, true);
  const dx = tf.mul(rho, tf.sub(tf.sub(gh, meanGh), tf.mul(xhat, meanGhXhat)));
  return {
    dx: tf.reshape(dx, x.shape),
    dgamma: tf.reshape(tf.sum(tf.mul(g, xhat), view.parameterAxes), parameterShape),
    dbeta: tf.reshape(tf.sum(g, view.parameterAxes), parameterShape),
  };
}
