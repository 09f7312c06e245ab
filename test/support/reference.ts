/**
 * The readable float64 definition of every normalizer. Each is a partition of the elements of x into sets
 * that share a statistic, and into classes that share a parameter; the rest is one formula:
 *
 *   y = gamma[p] * rho[s] * (x - mu[s]) + beta[p],   rho = 1 / sqrt(var + eps)
 *
 * RMS norm has mu = 0 and the mean square for var.
 */
import type { RenormClipping } from '../../src';
import { type Array64, forEachIndex, normalizeAxis, sizeOf } from './arrays';

export interface Partition {
  /** The set and the parameter class of each element. */
  set: Int32Array;
  parameter: Int32Array;
  sets: number;
  parameterShape: number[];
}

export interface Options {
  axis?: number | number[];
  groups?: number;
  virtualBatchSize?: number;
  epsilon?: number;
  epsilonInside?: boolean;
  partial?: number;
  useBatch?: boolean;
  unbiasedSpatialVariance?: boolean;
  k?: number;
  backbone?: 'batch' | 'group';
  squeeze?: 'rsd' | 'mean';
  squeezeEpsilon?: number;
  unbiasedSqueezeVariance?: boolean;
  attentionNorm?: 'none' | 'batch' | 'layer';
  attentionActivation?: 'hardSigmoid' | 'sigmoid' | 'softmax';
  renormClipping?: RenormClipping;
  training?: boolean;
  alphaForward?: number;
  alphaBackward?: number;
  errorCompensation?: 'clamp' | 'layerScaling' | 'none';
  clampValue?: number;
  layerScalingEpsilon?: number;
  alpha?: number;
  nonlinearity?: boolean;
}

export interface Parameters {
  gamma?: Array64;
  beta?: Array64;
}

export interface Statistics {
  mean: Float64Array;
  variance: Float64Array;
  count: Float64Array;
}

export interface Gradients {
  x: Float64Array;
  gamma: Float64Array;
  beta: Float64Array;
}

function partition(
  shape: readonly number[],
  setExtents: number[],
  setOf: (index: readonly number[]) => number[],
  parameterShape: number[],
  parameterOf: (index: readonly number[]) => number[],
): Partition {
  const flatten = (key: number[], extents: number[]) =>
    key.reduce((at, value, d) => at * extents[d]! + value, 0);
  const set = new Int32Array(sizeOf(shape));
  const parameter = new Int32Array(sizeOf(shape));
  forEachIndex(shape, (index, flat) => {
    set[flat] = flatten(setOf(index), setExtents);
    parameter[flat] = flatten(parameterOf(index), parameterShape);
  });
  return { set, parameter, sets: sizeOf(setExtents), parameterShape };
}

/** Sets: (ghost batch, channel). */
export function batchPartition(shape: readonly number[], { axis = -1, virtualBatchSize }: Options) {
  const channel = normalizeAxis(axis as number, shape.length);
  const channels = shape[channel]!;
  const ghost = virtualBatchSize ?? shape[0]!;
  const ghosts = channel === 0 ? 1 : Math.max(1, Math.floor(shape[0]! / Math.max(1, ghost)));
  return partition(
    shape,
    [ghosts, channels],
    (i) => [channel === 0 ? 0 : Math.floor(i[0]! / Math.max(1, ghost)), i[channel]!],
    [channels],
    (i) => [i[channel]!],
  );
}

/** Sets: (sample, group of consecutive channels). */
export function groupPartition(shape: readonly number[], { axis = -1, groups = 32 }: Options) {
  const channel = normalizeAxis(axis as number, shape.length);
  const channels = shape[channel]!;
  return partition(
    shape,
    [shape[0]!, groups],
    (i) => [i[0]!, Math.floor((i[channel]! * groups) / channels)],
    [channels],
    (i) => [i[channel]!],
  );
}

/** Sets: (sample, channel). */
export function instancePartition(shape: readonly number[], options: Options) {
  const channel = normalizeAxis((options.axis ?? -1) as number, shape.length);
  return groupPartition(shape, { ...options, groups: shape[channel]! });
}

/** Sets: all positions outside the normalized axes; parameters: the positions inside. */
export function axesPartition(shape: readonly number[], { axis = -1 }: Options) {
  const inside = [axis]
    .flat()
    .map((a) => normalizeAxis(a, shape.length))
    .sort((a, b) => a - b);
  const outside = shape.map((_, d) => d).filter((d) => !inside.includes(d));
  const extents = (axes: number[]) => axes.map((d) => shape[d]!);
  const at = (axes: number[]) => (i: readonly number[]) => axes.map((d) => i[d]!);
  return partition(shape, extents(outside), at(outside), extents(inside), at(inside));
}

/** The number of columns that enter the mean square, from their fraction. */
export function partialColumns(columns: number, partial = 1): number {
  return Math.max(1, Math.floor(columns * partial));
}

export function statistics(x: Float64Array, { set, sets }: Partition): Statistics {
  const count = new Float64Array(sets);
  const mean = new Float64Array(sets);
  const variance = new Float64Array(sets);
  for (let i = 0; i < x.length; i++) {
    count[set[i]!]!++;
    mean[set[i]!]! += x[i]!;
  }
  for (let s = 0; s < sets; s++) mean[s]! /= count[s]!;
  for (let i = 0; i < x.length; i++) variance[set[i]!]! += (x[i]! - mean[set[i]!]!) ** 2;
  for (let s = 0; s < sets; s++) variance[s]! /= count[s]!;
  return { mean, variance, count };
}

export function affine(
  p: Partition,
  xhat: Float64Array,
  { gamma, beta }: Parameters,
): Float64Array {
  return xhat.map((value, i) => {
    const c = p.parameter[i]!;
    return value * (gamma ? gamma.data[c]! : 1) + (beta ? beta.data[c]! : 0);
  });
}

export function parameterGradients(p: Partition, dy: Float64Array, xhat: Float64Array) {
  const gamma = new Float64Array(sizeOf(p.parameterShape));
  const beta = new Float64Array(sizeOf(p.parameterShape));
  for (let i = 0; i < dy.length; i++) {
    gamma[p.parameter[i]!]! += dy[i]! * xhat[i]!;
    beta[p.parameter[i]!]! += dy[i]!;
  }
  return { gamma, beta };
}

function meansPerSet({ set, sets }: Partition, count: Float64Array, terms: Float64Array) {
  const means = new Float64Array(sets);
  for (let i = 0; i < terms.length; i++) means[set[i]!]! += terms[i]!;
  return means.map((sum, s) => sum / count[s]!);
}

/** Batch, group, instance and layer norm. */
export function centered(x: Float64Array, p: Partition, parameters: Parameters, epsilon: number) {
  const { mean, variance, count } = statistics(x, p);
  const rho = variance.map((v) => 1 / Math.sqrt(v + epsilon));
  const xhat = x.map((value, i) => rho[p.set[i]!]! * (value - mean[p.set[i]!]!));
  return {
    y: affine(p, xhat, parameters),
    statistics: { mean, variance, count },
    gradients(dy: Float64Array): Gradients {
      const g = dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1));
      const meanG = meansPerSet(p, count, g);
      const meanGx = meansPerSet(
        p,
        count,
        g.map((value, i) => value * xhat[i]!),
      );
      const dx = g.map((value, i) => {
        const s = p.set[i]!;
        return rho[s]! * (value - meanG[s]! - xhat[i]! * meanGx[s]!);
      });
      return { x: dx, ...parameterGradients(p, dy, xhat) };
    },
  };
}

/** RMS norm: the first k columns of a row make its mean square. */
export function rootMeanSquare(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  { epsilon, epsilonInside = true, partial }: { epsilon: number } & Options,
) {
  const k = partialColumns(sizeOf(p.parameterShape), partial);
  const counted = (i: number) => p.parameter[i]! < k;
  const meanSquare = new Float64Array(p.sets);
  for (let i = 0; i < x.length; i++) if (counted(i)) meanSquare[p.set[i]!]! += x[i]! ** 2 / k;
  const rho = meanSquare.map((ms) =>
    epsilonInside ? 1 / Math.sqrt(ms + epsilon) : 1 / (Math.sqrt(ms) + epsilon),
  );
  const xhat = x.map((value, i) => value * rho[p.set[i]!]!);
  return {
    y: affine(p, xhat, parameters),
    meanSquare,
    gradients(dy: Float64Array): Gradients {
      const g = dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1));
      const sumGx = new Float64Array(p.sets);
      for (let i = 0; i < x.length; i++) sumGx[p.set[i]!]! += g[i]! * x[i]!;
      const dx = g.map((value, i) => {
        const s = p.set[i]!;
        if (!counted(i)) return rho[s]! * value;
        const root = Math.sqrt(meanSquare[s]!);
        const f = epsilonInside ? rho[s]! ** 2 : root === 0 ? 0 : rho[s]! / root;
        return rho[s]! * (value - (x[i]! * f * sumGx[s]!) / k);
      });
      return { x: dx, ...parameterGradients(p, dy, xhat) };
    },
  };
}

/** Batch norm with given statistics: an affine map per channel, differentiable in all five inputs. */
export function givenStatistics(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  mean: Float64Array,
  variance: Float64Array,
  epsilon: number,
) {
  const rho = variance.map((v) => 1 / Math.sqrt(v + epsilon));
  const xhat = x.map((value, i) => rho[p.parameter[i]!]! * (value - mean[p.parameter[i]!]!));
  const gamma = (c: number) => parameters.gamma?.data[c] ?? 1;
  return {
    y: affine(p, xhat, parameters),
    gradients(dy: Float64Array): Gradients & { mean: Float64Array; variance: Float64Array } {
      const sums = parameterGradients(p, dy, xhat);
      return {
        ...sums,
        x: dy.map((value, i) => value * gamma(p.parameter[i]!) * rho[p.parameter[i]!]!),
        mean: sums.beta.map((sum, c) => -gamma(c) * rho[c]! * sum),
        variance: sums.gamma.map((sum, c) => -0.5 * rho[c]! ** 2 * gamma(c) * sum),
      };
    },
  };
}

/** Running statistics after the ghost batches of a batch norm step, one after the other. */
export function runningStatistics(
  stats: Statistics,
  old: { mean: Float64Array; variance: Float64Array },
  momentum: number,
  unbiased: boolean,
): { mean: Float64Array; variance: Float64Array } {
  const mean = old.mean.slice();
  const variance = old.variance.slice();
  for (let s = 0; s < stats.mean.length; s++) {
    const m = stats.count[s]!;
    if (m === 0) continue;
    const c = s % mean.length;
    const scale = unbiased ? m / Math.max(1, m - 1) : 1;
    mean[c] = momentum * mean[c]! + (1 - momentum) * stats.mean[s]!;
    variance[c] = momentum * variance[c]! + (1 - momentum) * stats.variance[s]! * scale;
  }
  return { mean, variance };
}
