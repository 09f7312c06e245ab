/** The float64 definitions of the normalizers that map elements: dynamic tanh. */
import {
  affine,
  type Gradients,
  type Options,
  type Parameters,
  type Partition,
  parameterGradients,
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
