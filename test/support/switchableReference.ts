/** The float64 definition of switchable norm: mixtures of the statistics of three partitions. */
import { sizeOf } from './arrays';
import {
  affine,
  type Gradients,
  type Parameters,
  type Partition,
  parameterGradients,
  statistics,
} from './reference';

export interface SwitchableSettings {
  epsilon: number;
  useBatch?: boolean;
  unbiasedSpatialVariance?: boolean;
  /** Batch statistics where they are given: then they are constants. */
  moving?: { mean: Float64Array; variance: Float64Array };
}

function softmax(logits: Float64Array): Float64Array {
  const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/**
 * Switchable norm on an instance partition, sets numbered sample * channels + channel. The gradients go backwards
 * through the definition step by step, one adjoint for every statistic.
 */
export function switchable(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  logits: { mean: Float64Array; variance: Float64Array },
  { epsilon, useBatch = true, unbiasedSpatialVariance = false, moving }: SwitchableSettings,
) {
  const channels = sizeOf(p.parameterShape);
  const samples = channels === 0 ? 0 : p.sets / channels;
  const own = statistics(x, p);
  const s = x.length / p.sets;
  const f = unbiasedSpatialVariance && s > 1 ? s / (s - 1) : 1;
  const variance = own.variance.map((v) => f * v);
  const w = softmax(logits.mean);
  const u = softmax(logits.variance);
  const layerOf = (set: number) => Math.floor(set / channels);
  const batchOf = (set: number) => set % channels;
  /** Means and variances of the pairs of each of `sets` sets of `size`. */
  const merge = (sets: number, size: number, setOf: (set: number) => number) => {
    const mean = new Float64Array(sets);
    const merged = new Float64Array(sets);
    own.mean.forEach((m, i) => {
      mean[setOf(i)]! += m / size;
    });
    own.mean.forEach((m, i) => {
      merged[setOf(i)]! += (variance[i]! + (m - mean[setOf(i)]!) ** 2) / size;
    });
    return { mean, variance: merged, size, setOf };
  };
  const layer = merge(samples, channels, layerOf);
  const batch = merge(channels, samples, batchOf);
  const sets = [
    { ...layer, constant: false },
    ...(useBatch ? [{ ...batch, ...moving, constant: moving !== undefined }] : []),
  ];
  const mixedMean = own.mean.map((m, i) =>
    sets.reduce((sum, set, k) => sum + w[k + 1]! * set.mean[set.setOf(i)]!, w[0]! * m),
  );
  const mixedVariance = variance.map((v, i) =>
    sets.reduce((sum, set, k) => sum + u[k + 1]! * set.variance[set.setOf(i)]!, u[0]! * v),
  );
  const rho = mixedVariance.map((v) => 1 / Math.sqrt(v + epsilon));
  const xhat = x.map((value, i) => rho[p.set[i]!]! * (value - mixedMean[p.set[i]!]!));
  return {
    y: affine(p, xhat, parameters),
    batch,
    gradients(dy: Float64Array): Gradients & { means: Float64Array; variances: Float64Array } {
      const g = dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1));
      const dMixedMean = new Float64Array(p.sets);
      const dMixedVariance = new Float64Array(p.sets);
      g.forEach((value, i) => {
        const set = p.set[i]!;
        dMixedMean[set]! -= rho[set]! * value;
        dMixedVariance[set]! -= 0.5 * rho[set]! ** 2 * value * xhat[i]!;
      });
      const dMean = dMixedMean.map((d) => w[0]! * d);
      const dVariance = dMixedVariance.map((d) => u[0]! * d);
      const dw = [dMixedMean.reduce((sum, d, i) => sum + d * own.mean[i]!, 0)];
      const du = [dMixedVariance.reduce((sum, d, i) => sum + d * variance[i]!, 0)];
      sets.forEach((set, k) => {
        const ofMean = new Float64Array(set.mean.length);
        const ofVariance = new Float64Array(set.mean.length);
        let [sumW, sumU] = [0, 0];
        for (let i = 0; i < p.sets; i++) {
          const at = set.setOf(i);
          ofMean[at]! += w[k + 1]! * dMixedMean[i]!;
          ofVariance[at]! += u[k + 1]! * dMixedVariance[i]!;
          sumW += dMixedMean[i]! * set.mean[at]!;
          sumU += dMixedVariance[i]! * set.variance[at]!;
        }
        dw.push(sumW);
        du.push(sumU);
        if (set.constant) return;
        for (let i = 0; i < p.sets; i++) {
          const at = set.setOf(i);
          dVariance[i]! += ofVariance[at]! / set.size;
          dMean[i]! += ofMean[at]! / set.size;
          dMean[i]! += (2 * ofVariance[at]! * (own.mean[i]! - set.mean[at]!)) / set.size;
        }
      });
      const dx = g.map((value, i) => {
        const set = p.set[i]!;
        const spread = (2 * f * dVariance[set]! * (x[i]! - own.mean[set]!)) / s;
        return rho[set]! * value + dMean[set]! / s + spread;
      });
      const through = (weights: Float64Array, d: number[]) => {
        const mean = weights.reduce((sum, weight, k) => sum + weight * d[k]!, 0);
        return weights.map((weight, k) => weight * (d[k]! - mean));
      };
      return {
        x: dx,
        ...parameterGradients(p, dy, xhat),
        means: through(w, dw),
        variances: through(u, du),
      };
    },
  };
}
