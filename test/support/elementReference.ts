/** The float64 definitions of the normalizers that map elements: dynamic tanh, and EvoNorm-S0, whose gate does. */
import {
  affine,
  type Gradients,
  type Options,
  type Parameters,
  type Partition,
  parameterGradients,
  statistics,
} from './reference';

/** 1 - tanh(u)^2, without its cancellation. */
function tanhSlope(u: number): number {
  const e = Math.exp(-2 * Math.abs(u));
  return (4 * e) / (1 + e) ** 2;
}

/** y = gamma * tanh(alpha * x) + beta. The sets of the partition play no part. */
export function dynamicTanh(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  { alpha = 0.5 }: Options,
) {
  const th = x.map((value) => Math.tanh(alpha * value));
  return {
    y: affine(p, th, parameters),
    gradients(dy: Float64Array): Gradients & { alpha: number } {
      const gamma = (i: number) => parameters.gamma?.data[p.parameter[i]!] ?? 1;
      const along = dy.map((value, i) => value * gamma(i) * tanhSlope(alpha * x[i]!));
      return {
        x: along.map((value) => alpha * value),
        alpha: along.reduce((sum, value, i) => (value === 0 ? sum : sum + value * x[i]!), 0),
        ...parameterGradients(p, dy, th),
      };
    },
  };
}

/** f = x * sigmoid(v * x) and its derivatives. */
function gate(x: number, v: number) {
  const u = v * x;
  const e = Math.exp(-Math.abs(u));
  const sigmoid = (u < 0 ? e : 1) / (1 + e);
  const slope = e / (1 + e) ** 2;
  return {
    value: x * sigmoid,
    byX: sigmoid + (slope === 0 ? 0 : u * slope),
    byV: slope === 0 ? 0 : x * x * slope,
  };
}

/** y = gamma * f / sqrt(var + epsilon) + beta; without nonlinearity gamma * x + beta. `v` is 1 unless given. */
export function evoNormS0(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  { epsilon, nonlinearity = true }: Options & { epsilon: number },
  v?: Float64Array,
) {
  if (!nonlinearity) {
    return {
      y: affine(p, x, parameters),
      gradients: (dy: Float64Array) => ({
        x: dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1)),
        ...parameterGradients(p, dy, x),
        v: new Float64Array(0),
      }),
    };
  }
  const { mean, variance, count } = statistics(x, p);
  const rho = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  const gates = Array.from(x, (value, i) => gate(value, v?.[p.parameter[i]!] ?? 1));
  const normalized = x.map((_, i) => gates[i]!.value * rho[p.set[i]!]!);
  return {
    y: affine(p, normalized, parameters),
    gradients(dy: Float64Array): Gradients & { v: Float64Array } {
      const gh = dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1));
      const sums = new Float64Array(p.sets);
      for (let i = 0; i < x.length; i++) sums[p.set[i]!]! += gh[i]! * gates[i]!.value;
      const own = parameterGradients(p, dy, normalized);
      const byV = new Float64Array(own.gamma.length);
      const dx = x.map((value, i) => {
        const s = p.set[i]!;
        const byVariance = -0.5 * rho[s]! ** 3 * sums[s]!;
        byV[p.parameter[i]!]! += gh[i]! * rho[s]! * gates[i]!.byV;
        return gh[i]! * rho[s]! * gates[i]!.byX + (2 * byVariance * (value - mean[s]!)) / count[s]!;
      });
      return { x: dx, ...own, v: byV };
    },
  };
}
