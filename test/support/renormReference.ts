/** The float64 definition of batch renormalization: batch norm corrected by r and d, which gradients take as constants. */
import type { RenormClipping } from '../../src';
import {
  affine,
  centered,
  type Gradients,
  type Parameters,
  type Partition,
  parameterGradients,
} from './reference';

export interface Corrections {
  r: Float64Array;
  d: Float64Array;
}

export interface RenormSettings {
  epsilon: number;
  renormClipping?: RenormClipping;
  /** Default 0 and 1, as a new layer has them. */
  running?: { mean: Float64Array; stddev: Float64Array };
  /** Where they are held: for finite differences. */
  corrections?: Corrections;
}

/** On a batch partition without ghosts: a set is a channel. */
export function renormalized(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  { epsilon, renormClipping = {}, running, corrections }: RenormSettings,
) {
  const { rmax = Infinity, rmin = 0, dmax = Infinity } = renormClipping;
  const plain = centered(x, p, {}, epsilon);
  const { mean, variance } = plain.statistics;
  const stddev = variance.map((v) => Math.sqrt(v + epsilon));
  const clip = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  const scale = (c: number) => Math.max(running?.stddev[c] ?? 1, Math.sqrt(epsilon));
  const { r, d } = corrections ?? {
    r: stddev.map((s, c) => clip(s / scale(c), rmin, rmax)),
    d: mean.map((m, c) => clip((m - (running?.mean[c] ?? 0)) / scale(c), -dmax, dmax)),
  };
  const xhat = plain.y.map((value, i) => r[p.parameter[i]!]! * value + d[p.parameter[i]!]!);
  return {
    y: affine(p, xhat, parameters),
    mean,
    stddev,
    held: { corrections: { r, d } },
    gradients(dy: Float64Array): Gradients {
      const g = dy.map((value, i) => {
        const c = p.parameter[i]!;
        return value * r[c]! * (parameters.gamma?.data[c] ?? 1);
      });
      return { x: plain.gradients(g).x, ...parameterGradients(p, dy, xhat) };
    },
  };
}
