/** The float64 definition of mean-only batch normalization: batch normalization with the constant 1 for rho. */
import {
  affine,
  type Gradients,
  type Parameters,
  type Partition,
  parameterGradients,
  statistics,
} from './reference';

export function meanOnly(x: Float64Array, p: Partition, parameters: Parameters) {
  const { mean, count } = statistics(x, p);
  const centred = x.map((value, i) => value - mean[p.set[i]!]!);
  return {
    y: affine(p, centred, parameters),
    mean,
    gradients(dy: Float64Array): Gradients {
      const g = dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1));
      const sums = new Float64Array(p.sets);
      g.forEach((value, i) => {
        sums[p.set[i]!]! += value;
      });
      const dx = g.map((value, i) => value - sums[p.set[i]!]! / count[p.set[i]!]!);
      return { x: dx, ...parameterGradients(p, dy, centred) };
    },
  };
}
