/** Switchable norm from plain tfjs ops (equations in native/norms/switchable_norm.h). */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { centre, rootMeanSquare } from './statistics';

export interface SwitchableSettings {
  axis: number;
  epsilon: number;
  training: boolean;
  useBatch: boolean;
  unbiasedSpatialVariance: boolean;
}

export interface SwitchableInputs {
  x: Tensor;
  gamma: Tensor | null;
  meanLogits: Tensor;
  varianceLogits: Tensor;
  movingMean: Tensor;
  movingVariance: Tensor;
}

/** The statistics and their mixture; pairs have extent 1 on the axis of the positions. */
function mixture(inputs: SwitchableInputs, settings: SwitchableSettings) {
  const { x } = inputs;
  const { axis, useBatch, training } = settings;
  const last = axis === x.rank - 1;
  const [rows, channels] = [x.shape[0]!, x.shape[axis]!];
  const positions = sizeOf(x.shape) / (rows * channels);
  const shape = last ? [rows, positions, channels] : [rows, channels, positions];
  const [position, channel] = last ? [1, 2] : [2, 1];
  const perChannel = last ? [1, 1, channels] : [1, channels, 1];
  const factor =
    settings.unbiasedSpatialVariance && positions > 1 ? positions / (positions - 1) : 1;

  const { centred, hi, lo } = centre(tf.reshape(x, shape), [position]);
  const biased = rootMeanSquare(centred, [position], settings.epsilon).meanSquare;
  const variance = factor === 1 ? biased : tf.mul(biased, factor);
  const over = (setAxis: number) => {
    // Means relative to the set's first, so that float32 holds their differences.
    const extents = hi.shape.map((extent, axisOf) => (axisOf === setAxis ? 1 : extent));
    const first = tf.slice(hi, [0, 0, 0], extents);
    const set = centre(tf.add(tf.sub(hi, first), lo), [setAxis]);
    const between = tf.mean(tf.square(set.centred), setAxis, true);
    return {
      below: set.centred,
      mean: tf.add(tf.add(set.hi, set.lo), first),
      variance: tf.add(tf.mean(variance, setAxis, true), between),
    };
  };
  const given = () => {
    const moving = tf.reshape(inputs.movingMean, perChannel);
    return {
      below: tf.add(tf.sub(hi, moving), lo),
      mean: moving,
      variance: tf.reshape(inputs.movingVariance, perChannel),
    };
  };
  const layer = over(channel);
  const batch = useBatch ? (training ? over(0) : given()) : null;
  const sets = [layer, ...(batch ? [batch] : [])];
  const w = tf.unstack(tf.softmax(inputs.meanLogits));
  const u = tf.unstack(tf.softmax(inputs.varianceLogits));
  const sum = (terms: Tensor[]) => terms.reduce((a, b) => tf.add(a, b));
  const d = sum(sets.map((set, k) => tf.mul(w[k + 1]!, set.below)));
  const mixed = sum([variance, ...sets.map((set) => set.variance)].map((v, k) => tf.mul(u[k]!, v)));
  const rho = tf.div(1, tf.sqrt(tf.add(mixed, settings.epsilon)));
  const gamma = inputs.gamma && tf.reshape(inputs.gamma, perChannel);
  return {
    shape,
    position,
    channel,
    perChannel,
    positions,
    factor,
    centred,
    hi,
    lo,
    biased,
    variance,
    sets,
    batch,
    w,
    u,
    d,
    rho,
    scale: gamma ? tf.mul(rho, gamma) : rho,
    oneValue: training && x.size === 1,
  };
}

export function switchableNorm(
  inputs: SwitchableInputs,
  beta: Tensor | null,
  updateRate: number,
  settings: SwitchableSettings,
): Tensor[] {
  const { x, movingMean, movingVariance } = inputs;
  const m = mixture(inputs, settings);
  const standard = tf.mul(tf.add(m.centred, m.d), m.scale);
  const y = beta ? tf.add(standard, tf.reshape(beta, m.perChannel)) : standard;
  const follow = (old: Tensor, now: Tensor): Tensor =>
    tf.add(old, tf.mul(tf.sub(tf.reshape(now, old.shape), old), updateRate));
  const moved =
    m.batch && settings.training
      ? [follow(movingMean, m.batch.mean), follow(movingVariance, m.batch.variance)]
      : [tf.clone(movingMean), tf.clone(movingVariance)];
  const momentsShape = [3, x.shape[0]!, x.shape[settings.axis]!];
  const moments = tf.reshape(tf.stack([m.hi, m.lo, m.biased]), momentsShape);
  return [tf.reshape(y, x.shape), ...moved, moments];
}

/** The gradient of logits whose softmax is w, from that of w. */
function logitGradient(w: Tensor[], dw: Tensor[]): Tensor {
  // Relative to one of them, so that equal ones cancel exactly.
  const relative = tf.sub(tf.stack(dw), dw[0]!);
  const weights = tf.stack(w);
  return tf.mul(weights, tf.sub(relative, tf.sum(tf.mul(weights, relative))));
}

export function switchableNormGrad(
  dy: Tensor,
  inputs: SwitchableInputs,
  settings: SwitchableSettings,
) {
  const { x } = inputs;
  const m = mixture(inputs, settings);
  const { position, channel, sets, w, u } = m;
  const g = tf.reshape(dy, m.shape);
  const g0 = tf.sum(g, position, true);
  const g1 = tf.sum(tf.mul(g, m.centred), position, true);
  const q = tf.mul(m.rho, tf.add(g1, tf.mul(m.d, g0)));
  const dMean = tf.neg(tf.mul(m.scale, g0));
  const dVariance = tf.mul(tf.mul(tf.mul(m.scale, m.rho), q), -0.5);

  // Layer statistics pass gradients on, and batch statistics where they are x's own.
  const passing = [channel, ...(m.batch && settings.training ? [0] : [])];
  let slope = tf.mul(u[0]!, dVariance);
  let shift = tf.mul(w[0]!, dMean);
  passing.forEach((axis, k) => {
    const spread = tf.mul(u[k + 1]!, tf.mean(dVariance, axis, true));
    slope = tf.add(slope, spread);
    const offset = tf.mul(tf.mul(spread, sets[k]!.below), 2);
    shift = tf.add(tf.add(shift, tf.mul(w[k + 1]!, tf.mean(dMean, axis, true))), offset);
  });
  const direct = tf.mul(m.scale, g);
  const indirect = tf.add(
    tf.mul(tf.mul(slope, (2 * m.factor) / m.positions), m.centred),
    tf.div(shift, m.positions),
  );
  const total = (terms: Tensor): Tensor => tf.sum(terms);
  const dw = [tf.scalar(0), ...sets.map((set) => tf.neg(total(tf.mul(dMean, set.below))))];
  const variances = [m.variance, ...sets.map((set) => set.variance)];
  const du = variances.map((v) => total(tf.mul(dVariance, v)));
  const parameter = (terms: Tensor): Tensor =>
    tf.reshape(tf.sum(terms, [0, position]), [x.shape[settings.axis]!]);
  return {
    dx: m.oneValue ? tf.zerosLike(x) : tf.reshape(tf.add(direct, indirect), x.shape),
    dgamma: parameter(q),
    dbeta: parameter(g0),
    dMeanLogits: logitGradient(w, dw),
    dVarianceLogits: logitGradient(u, du),
  };
}
