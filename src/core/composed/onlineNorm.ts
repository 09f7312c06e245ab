/**
 * Online norm from plain tfjs ops (equations in native/norms/online_norm.h). The recurrences over the samples run in
 * JavaScript, in double, on numbers per (sample, channel) pair that are read back: in training only.
 */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { sizeOf } from '../checks';
import { centre, rootMeanSquare } from './statistics';

export const COMPENSATIONS = ['none', 'clamp', 'layerScaling'] as const;

export interface OnlineSettings {
  axis: number;
  training: boolean;
  compensation: (typeof COMPENSATIONS)[number];
  clampValue: number;
  scalingEpsilon: number;
}

export interface OnlineInputs {
  x: Tensor;
  gamma: Tensor | null;
  beta: Tensor | null;
}

/** A state [C], or [2, C] of high and low parts, in double. */
function readState(state: Tensor): Float64Array {
  const values = state.dataSync();
  const low = state.rank === 2 ? values.subarray(state.shape[1]!) : [];
  return Float64Array.from(values.subarray(0, state.shape.at(-1)!), (v, c) => v + (low[c] ?? 0));
}

function toState(values: Float64Array, like: Tensor): Tensor {
  const high = Float32Array.from(values);
  const low = like.rank === 2 ? values.map((value, c) => value - high[c]!) : [];
  return tf.tensor(Float32Array.from([...high, ...low]), like.shape, 'float32');
}

/** The high and the low part of a state. */
function partsOf(state: Tensor): [Tensor, Tensor] {
  if (state.rank === 2) return tf.unstack(state) as [Tensor, Tensor];
  return [state, tf.zerosLike(state)];
}

/** x as [sample, position, channel] or [sample, channel, position]; pairs have extent 1 on the axis of positions. */
function layoutOf(x: Tensor, axis: number) {
  const last = axis === x.rank - 1;
  const [rows, channels] = [x.shape[0]!, x.shape[axis]!];
  const positions = sizeOf(x.shape) / (rows * channels);
  return {
    rows,
    channels,
    positions,
    position: last ? 1 : 2,
    shape: last ? [rows, positions, channels] : [rows, channels, positions],
    pairs: last ? [rows, 1, channels] : [rows, channels, 1],
    perChannel: last ? [1, 1, channels] : [1, channels, 1],
  };
}

type Layout = ReturnType<typeof layoutOf>;

/** What the samples' pairs are normalized with, and the states after them. */
function scanForward(
  { rows, channels }: Layout,
  mean: Float64Array,
  variance: Float64Array,
  pairs: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  { epsilon, rate }: { epsilon: number; rate: number },
) {
  const offset = new Float32Array(rows * channels);
  const deviation = new Float32Array(rows * channels);
  for (let i = 0; i < offset.length; i++) {
    const c = i % channels;
    const d = pairs.mean[i]! - mean[c]!;
    offset[i] = d;
    deviation[i] = Math.sqrt(variance[c]! + epsilon);
    variance[c] = (1 - rate) * variance[c]! + rate * (pairs.variance[i]! + (1 - rate) * d * d);
    mean[c]! += rate * d;
  }
  return { offset, deviation };
}

/** out = gamma * yHat + beta, yHat = (centred + offset) / deviation, and y of it. */
function output(
  { gamma, beta }: OnlineInputs,
  layout: Layout,
  pair: { centred: Tensor; offset: Tensor; deviation: Tensor },
  { compensation, clampValue, scalingEpsilon }: OnlineSettings,
) {
  const yHat = tf.div(tf.add(pair.centred, pair.offset), pair.deviation);
  const scaled = gamma ? tf.mul(yHat, tf.reshape(gamma, layout.perChannel)) : yHat;
  const out = beta ? tf.add(scaled, tf.reshape(beta, layout.perChannel)) : scaled;
  if (compensation === 'clamp') {
    const above = tf.greater(out, clampValue);
    const below = tf.less(out, -clampValue);
    const bounded = tf.where(above, tf.fill(out.shape, clampValue), out);
    const y = tf.where(below, tf.fill(out.shape, -clampValue), bounded);
    const through = (g: Tensor) => tf.where(tf.logicalOr(above, below), tf.zerosLike(g), g);
    return { yHat, y, through };
  }
  if (compensation === 'layerScaling') {
    const { rho } = rootMeanSquare(out, [1, 2], scalingEpsilon);
    const y = tf.mul(out, rho);
    const through = (g: Tensor) =>
      tf.mul(tf.sub(g, tf.mul(y, tf.mean(tf.mul(g, y), [1, 2], true))), rho);
    return { yHat, y, through };
  }
  return { yHat, y: out, through: (g: Tensor) => g };
}

export function onlineNorm(
  inputs: OnlineInputs,
  movingMean: Tensor,
  movingVariance: Tensor,
  { epsilon, rate }: { epsilon: number; rate: number },
  settings: OnlineSettings,
): Tensor[] {
  const { x } = inputs;
  const layout = layoutOf(x, settings.axis);
  const { pairs, perChannel, position } = layout;
  const values = tf.reshape(x, layout.shape);
  const [given, givenLow] = partsOf(movingMean).map((part) => tf.reshape(part, perChannel)) as [
    Tensor,
    Tensor,
  ];
  // At inference the given mean serves as that of every pair where nothing else is asked of it.
  const own = settings.training || settings.compensation === 'layerScaling';
  const zeros = tf.zeros(pairs);
  const { centred, hi, lo } = own
    ? centre(values, [position])
    : {
        centred: tf.sub(tf.sub(values, given), givenLow),
        hi: tf.add(given, zeros),
        lo: tf.add(givenLow, zeros),
      };
  const variance = own ? rootMeanSquare(centred, [position], epsilon).meanSquare : zeros;
  const finish = (offset: Tensor, deviation: Tensor, states: Tensor[]): Tensor[] => {
    const { y } = output(inputs, layout, { centred, offset, deviation }, settings);
    const moments = tf.stack([hi, lo, variance, offset, deviation]);
    const shape = [5, layout.rows, layout.channels];
    return [tf.reshape(y, x.shape), ...states, tf.reshape(moments, shape)];
  };
  if (!settings.training) {
    const offset = own ? tf.add(tf.sub(hi, given), tf.sub(lo, givenLow)) : zeros;
    const [high, low] = partsOf(movingVariance);
    const deviation = tf.sqrt(tf.add(tf.add(high, low), epsilon));
    const perPair = tf.add(tf.reshape(deviation, perChannel), zeros);
    return finish(offset, perPair, [tf.clone(movingMean), tf.clone(movingVariance)]);
  }
  const [state, spread] = [readState(movingMean), readState(movingVariance)];
  const low = lo.dataSync();
  const means = Float64Array.from(hi.dataSync(), (value, i) => value + low[i]!);
  const own64 = { mean: means, variance: variance.dataSync() };
  const { offset, deviation } = scanForward(layout, state, spread, own64, { epsilon, rate });
  return finish(tf.tensor(offset, pairs), tf.tensor(deviation, pairs), [
    toState(state, movingMean),
    toState(spread, movingVariance),
  ]);
}

/** The control states before every pair; u and v are those after all. g0, g1: sums of gr and of gr * centred. */
function scanBackward(
  { rows, channels, positions }: Layout,
  u: Float64Array,
  v: Float64Array,
  g0: ArrayLike<number>,
  g1: ArrayLike<number>,
  moments: ArrayLike<number>,
  rate: number,
) {
  const count = rows * channels;
  const before = { u: new Float32Array(count), v: new Float32Array(count) };
  for (let i = 0; i < count; i++) {
    const c = i % channels;
    const variance = moments[2 * count + i]!;
    const offset = moments[3 * count + i]!;
    const deviation = moments[4 * count + i]!;
    before.u[i] = u[c]!;
    before.v[i] = v[c]!;
    const meanOfYHat = offset / deviation;
    const squareOfYHat = (variance + offset * offset) / (deviation * deviation);
    const product = (g1[i]! + offset * g0[i]!) / deviation / positions;
    const meanOfDx = (g0[i]! / positions - rate * v[c]! * meanOfYHat) / deviation - rate * u[c]!;
    u[c]! += meanOfDx;
    v[c]! += product - rate * v[c]! * squareOfYHat;
  }
  return before;
}

export function onlineNormGrad(
  dy: Tensor,
  inputs: OnlineInputs,
  control: { u: Tensor; v: Tensor; rate: number },
  moments: Tensor,
  settings: OnlineSettings,
) {
  const { x, gamma } = inputs;
  const layout = layoutOf(x, settings.axis);
  const { pairs, perChannel, position } = layout;
  const [hi, lo, , offset, deviation] = tf
    .unstack(moments)
    .map((values) => tf.reshape(values, pairs)) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const centred = tf.sub(tf.sub(tf.reshape(x, layout.shape), hi), lo);
  const { yHat, through } = output(inputs, layout, { centred, offset, deviation }, settings);
  const g = through(tf.reshape(dy, layout.shape));
  const sums = (of: Tensor) => [
    tf.sum(of, position, true),
    tf.sum(tf.mul(of, centred), position, true),
  ];
  const [g0, g1] = sums(g) as [Tensor, Tensor];
  const parameter = (terms: Tensor) => tf.reshape(tf.sum(terms, 0), [layout.channels]);
  const dgamma = parameter(tf.div(tf.add(g1, tf.mul(offset, g0)), deviation));
  const dbeta = parameter(g0);
  const scaled = gamma ? tf.mul(g, tf.reshape(gamma, perChannel)) : g;
  if (!settings.training) {
    const dx = tf.reshape(tf.div(scaled, deviation), x.shape);
    return { dx, dgamma, dbeta, u: tf.clone(control.u), v: tf.clone(control.v) };
  }
  const [u, v] = [readState(control.u), readState(control.v)];
  const [s0, s1] = sums(scaled).map((sum) => sum.dataSync()) as [Float32Array, Float32Array];
  const before = scanBackward(layout, u, v, s0, s1, moments.dataSync(), control.rate);
  const pulled = (values: Float32Array) => tf.mul(tf.tensor(values, pairs), control.rate);
  const h = tf.sub(scaled, tf.mul(yHat, pulled(before.v)));
  const dx = tf.sub(tf.div(h, deviation), pulled(before.u));
  return {
    dx: tf.reshape(dx, x.shape),
    dgamma,
    dbeta,
    u: toState(u, control.u),
    v: toState(v, control.v),
  };
}
