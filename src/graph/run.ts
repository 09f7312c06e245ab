/** Runs a recognized normalizer: the native op that fits the shapes of the call, else the definition in tfjs ops. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { batchNormInference } from '../norms/batchNormInference';
import { groupNorm } from '../norms/groupNorm';
import { layerNorm } from '../norms/layerNorm';
import { tf } from '../tensorflow';

export interface Result {
  y: Tensor;
  /** The op of `norm.ops` that ran; undefined where none fits. */
  op?: string;
}

interface Parameters {
  scale?: Tensor;
  offset?: Tensor;
}

const same = (a: number[], b: number[]) =>
  a.length === b.length && a.every((one, i) => one === b[i]);
const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** A parameter that broadcasts along x as one of exactly the extents of `axes`; undefined where it varies elsewhere. */
function along(
  parameter: Tensor | undefined,
  x: Tensor,
  axes: number[],
): Tensor | null | undefined {
  if (!parameter) return null;
  if (parameter.rank > x.rank) return undefined;
  const padded = [...Array(x.rank - parameter.rank).fill(1), ...parameter.shape];
  const fits = padded.every((size, i) => size === 1 || (axes.includes(i) && size === x.shape[i]));
  if (!fits) return undefined;
  const extents = axes.map((axis) => x.shape[axis]!);
  const own = tf.reshape(
    parameter,
    axes.map((axis) => padded[axis]!),
  );
  return same(own.shape, extents) ? own : tf.broadcastTo(own, extents);
}

/** gamma and beta along these axes, or undefined where they vary along others. */
function affineAlong({ scale, offset }: Parameters, x: Tensor, axes: number[]) {
  const [gamma, beta] = [along(scale, x, axes), along(offset, x, axes)];
  if (gamma === undefined || beta === undefined) return undefined;
  return { ...(gamma && { gamma }), ...(beta && { beta }) };
}

const flat = (affine: { gamma?: Tensor; beta?: Tensor }, size: number) => ({
  ...(affine.gamma && { gamma: tf.reshape(affine.gamma, [size]) }),
  ...(affine.beta && { beta: tf.reshape(affine.beta, [size]) }),
});

/** Two neighbouring axes, groups and the channels in them, as one. */
function grouped(
  x: Tensor,
  parameters: Parameters,
  first: number,
  epsilon: number,
): Tensor | undefined {
  const affine = affineAlong(parameters, x, [first, first + 1]);
  if (!affine) return undefined;
  const [groups, channels] = [x.shape[first]!, x.shape[first]! * x.shape[first + 1]!];
  const shape = [...x.shape.slice(0, first), channels, ...x.shape.slice(first + 2)];
  const options = { ...flat(affine, channels), groups, axis: first, epsilon };
  return tf.reshape(groupNorm(tf.reshape(x, shape), options), x.shape);
}

function perChannel(
  x: Tensor,
  parameters: Parameters,
  axis: number,
  groups: number,
  epsilon: number,
): Tensor | undefined {
  const affine = affineAlong(parameters, x, [axis]);
  return affine && groupNorm(x, { ...affine, groups, axis, epsilon });
}

/** Normalization with the moments over `axes`. */
export function runMoments(
  x: Tensor,
  parameters: Parameters,
  given: number[],
  epsilon: number,
): Result {
  const { rank, shape } = x;
  const axes = [...new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)))].sort(
    (a, b) => a - b,
  );
  const valid = axes.every((axis) => axis >= 0 && axis < rank) && x.dtype === 'float32';
  const over = (...wanted: number[]) => valid && same(axes, wanted);
  const layer = () => {
    const affine = valid ? affineAlong(parameters, x, axes) : undefined;
    return affine && layerNorm(x, { ...affine, axis: axes, epsilon });
  };
  const tries: [string, () => Tensor | undefined | false][] = [
    // One group, if the parameters have a value for each channel only.
    [
      'groupNorm',
      () =>
        rank > 2 &&
        over(...range(1, rank)) &&
        Object.values(parameters).some(Boolean) &&
        perChannel(x, parameters, rank - 1, 1, epsilon),
    ],
    ['layerNorm', () => over(...range(axes[0] ?? 0, rank)) && layer()],
    [
      'groupNorm',
      () =>
        rank > 2 &&
        over(...range(1, rank - 1)) &&
        perChannel(x, parameters, rank - 1, shape[rank - 1]!, epsilon),
    ],
    [
      'groupNorm',
      () => rank > 2 && over(...range(2, rank)) && perChannel(x, parameters, 1, shape[1]!, epsilon),
    ],
    [
      'groupNorm',
      () =>
        rank > 3 &&
        over(...range(1, rank - 2), rank - 1) &&
        grouped(x, parameters, rank - 2, epsilon),
    ],
    ['groupNorm', () => rank > 2 && over(...range(2, rank)) && grouped(x, parameters, 1, epsilon)],
    ['layerNorm', layer],
  ];
  for (const [op, attempt] of tries) {
    const y = attempt();
    if (y) return { y, op };
  }
  const mean = tf.mean(x, given, true);
  const variance = tf.mean(tf.squaredDifference(x, mean), given, true);
  const y = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return { y: affineOf(y, parameters) };
}

function affineOf(x: Tensor, { scale, offset }: Parameters): Tensor {
  const scaled = scale ? tf.mul(x, scale) : x;
  return offset ? tf.add(scaled, offset) : scaled;
}

// Both are exact and add up to 1, so that the native op divides by 1.
const EPSILON = 2 ** -10;

/** `scale * x + offset`, as batch normalization with mean 0 and variance 1. */
export function runAffine(x: Tensor, parameters: Parameters): Result {
  for (const axis of [x.rank - 1, 1]) {
    if (x.dtype !== 'float32' || x.rank < 2 || axis >= x.rank) break;
    const affine = affineAlong(parameters, x, [axis]);
    if (!affine) continue;
    const channels = [x.shape[axis]!];
    const statistics = { mean: tf.zeros(channels), variance: tf.fill(channels, 1 - EPSILON) };
    const y = batchNormInference(x, { ...affine, ...statistics, axis, epsilon: EPSILON });
    return { y, op: 'batchNormInference' };
  }
  return { y: affineOf(x, parameters) };
}

/** A FusedBatchNorm node: x, scale, offset, mean, variance. */
export function runFused(inputs: Tensor[], epsilon: number): Result {
  const [x, scale, offset, mean, variance] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const channels = [x.shape.at(-1)!];
  const fits = [scale, offset, mean, variance].every(({ shape }) => same(shape, channels));
  if (fits && epsilon > 0 && inputs.every(({ dtype }) => dtype === 'float32')) {
    const options = { gamma: scale, beta: offset, mean, variance, epsilon };
    return { y: batchNormInference(x, options), op: 'batchNormInference' };
  }
  return { y: tf.batchNorm(x, mean, variance, offset, scale, epsilon) };
}
