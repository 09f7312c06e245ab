/** The float64 definition of weight normalization and standardization, on the partitions of reference.ts. */
import {
  affine,
  type Gradients,
  type Parameters,
  type Partition,
  parameterGradients,
} from './reference';

export interface WeightSettings {
  divisor: 'norm' | 'deviation' | 'unbiasedDeviation' | 'rootOfVariance';
  center: boolean;
  epsilon: number;
}

/** s of Q, the sum of squares of n values, and ds/dQ. */
function scaleOf(square: number, n: number, { divisor, epsilon }: WeightSettings) {
  if (divisor === 'norm') {
    const clamped = square <= epsilon;
    return { s: Math.max(square, epsilon) ** -0.5, slope: clamped ? 0 : -0.5 * square ** -1.5 };
  }
  if (divisor === 'rootOfVariance') {
    const variance = square / n + epsilon;
    return { s: variance ** -0.5, slope: (-0.5 / n) * variance ** -1.5 };
  }
  const k = divisor === 'deviation' ? n : Math.max(1, n - 1);
  const deviation = Math.sqrt(square / k);
  const s = 1 / (deviation + epsilon);
  return { s, slope: deviation === 0 ? 0 : (-s * s * 0.5) / (deviation * k) };
}

/** The gradients go back through u = x - c, Q = sum u^2, s(Q) and y = gamma s u one by one. */
export function weightReference(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  settings: WeightSettings,
) {
  const sums = (terms: (i: number) => number) => {
    const out = new Float64Array(p.sets);
    for (let i = 0; i < x.length; i++) out[p.set[i]!]! += terms(i);
    return out;
  };
  const count = sums(() => 1);
  const center = settings.center ? sums((i) => x[i]!).map((sum, k) => sum / count[k]!) : null;
  const u = x.map((value, i) => value - (center?.[p.set[i]!] ?? 0));
  const square = sums((i) => u[i]! ** 2);
  const scales = [...square].map((q, k) => scaleOf(q, count[k]!, settings));
  const xhat = u.map((value, i) => value * scales[p.set[i]!]!.s);
  const gain = (i: number) => parameters.gamma?.data[p.parameter[i]!] ?? 1;
  return {
    y: affine(p, xhat, parameters),
    gradients(dy: Float64Array): Gradients {
      const ds = sums((i) => dy[i]! * gain(i) * u[i]!);
      const du = u.map((value, i) => {
        const { s, slope } = scales[p.set[i]!]!;
        return dy[i]! * gain(i) * s + ds[p.set[i]!]! * slope * 2 * value;
      });
      const mean = sums((i) => du[i]!).map((sum, k) => sum / count[k]!);
      const dx = du.map((value, i) => value - (settings.center ? mean[p.set[i]!]! : 0));
      return { x: dx, ...parameterGradients(p, dy, xhat) };
    },
  };
}
