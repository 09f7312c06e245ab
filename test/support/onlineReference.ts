/** The float64 definition of online norm, sample by sample and element by element. */
import { sizeOf } from './arrays';
import type { Gradients, Options, Parameters, Partition } from './reference';

export interface OnlineStart {
  mean?: ArrayLike<number>;
  variance?: ArrayLike<number>;
  u?: ArrayLike<number>;
  v?: ArrayLike<number>;
}

export interface OnlineStates {
  mean: Float64Array;
  variance: Float64Array;
}

/**
 * Online norm on an instance partition, sets numbered sample * channels + channel, from states that are fresh unless
 * given. Its gradient of x is what the control process gives, no derivative.
 */
export function online(
  x: Float64Array,
  p: Partition,
  { gamma, beta }: Parameters,
  {
    epsilon,
    training = true,
    alphaForward = 0.999,
    alphaBackward = 0.99,
    errorCompensation = 'clamp',
    clampValue = 5,
    layerScalingEpsilon = 1e-5,
  }: Options & { epsilon: number },
  start: OnlineStart = {},
) {
  const channels = sizeOf(p.parameterShape);
  const samples = x.length === 0 ? 0 : p.sets / channels;
  const state = (given: ArrayLike<number> | undefined, otherwise: number) =>
    given ? Float64Array.from(given) : new Float64Array(channels).fill(otherwise);
  const scale = (c: number) => gamma?.data[c] ?? 1;

  // The elements of a sample, by its number; and how many share one of its channels.
  const elements: number[][] = Array.from({ length: samples }, () => []);
  for (let i = 0; i < x.length; i++) elements[Math.floor(p.set[i]! / channels)]!.push(i);
  const positions = samples === 0 ? 0 : elements[0]!.length / channels;
  const channelOf = (i: number) => p.parameter[i]!;
  /** The means of f(element) over the positions of the sample. */
  const means = (sample: number[], f: (i: number) => number) => {
    const mean = new Float64Array(channels);
    for (const i of sample) mean[channelOf(i)]! += f(i) / positions;
    return mean;
  };

  const mean = state(start.mean, 0);
  const variance = state(start.variance, 1);
  const yHat = new Float64Array(x.length);
  const out = new Float64Array(x.length);
  const y = new Float64Array(x.length);
  const deviation: Float64Array[] = [];
  const zeta: number[] = [];
  for (const sample of elements) {
    const sc = variance.map((value) => Math.sqrt(value + epsilon));
    let square = 0;
    for (const i of sample) {
      const c = channelOf(i);
      yHat[i] = (x[i]! - mean[c]!) / sc[c]!;
      out[i] = scale(c) * yHat[i]! + (beta?.data[c] ?? 0);
      square += out[i]! ** 2 / sample.length;
    }
    deviation.push(sc);
    zeta.push(Math.sqrt(square + layerScalingEpsilon));
    for (const i of sample) {
      y[i] = out[i]!;
      if (errorCompensation === 'layerScaling') y[i] = out[i]! / zeta.at(-1)!;
      if (errorCompensation === 'clamp') {
        y[i] = Math.min(Math.max(out[i]!, -clampValue), clampValue);
      }
    }
    if (!training) continue;
    const m = means(sample, (i) => x[i]!);
    const rest = means(sample, (i) => x[i]! - m[channelOf(i)]!);
    const v = means(sample, (i) => (x[i]! - m[channelOf(i)]! - rest[channelOf(i)]!) ** 2);
    for (let c = 0; c < channels; c++) {
      const d = m[c]! + rest[c]! - mean[c]!;
      const a = alphaForward;
      variance[c] = a * variance[c]! + (1 - a) * v[c]! + a * (1 - a) * d ** 2;
      mean[c]! += (1 - a) * d;
    }
  }

  return {
    y,
    mean,
    variance,
    gradients(dy: Float64Array): Gradients & { u: Float64Array; v: Float64Array } {
      const rate = training ? 1 - alphaBackward : 0;
      const [u, v] = [state(start.u, 0), state(start.v, 0)];
      const dx = new Float64Array(x.length);
      const dgamma = new Float64Array(channels);
      const dbeta = new Float64Array(channels);
      elements.forEach((sample, n) => {
        let projection = 0;
        for (const i of sample) projection += (dy[i]! * y[i]!) / sample.length;
        const g = (i: number) => {
          if (errorCompensation === 'layerScaling') return (dy[i]! - y[i]! * projection) / zeta[n]!;
          return errorCompensation === 'clamp' && Math.abs(out[i]!) > clampValue ? 0 : dy[i]!;
        };
        const h = (i: number) => scale(channelOf(i)) * g(i) - rate * v[channelOf(i)]! * yHat[i]!;
        for (const i of sample) {
          const c = channelOf(i);
          dgamma[c]! += g(i) * yHat[i]!;
          dbeta[c]! += g(i);
          dx[i] = h(i) / deviation[n]![c]! - rate * u[c]!;
        }
        if (!training) return;
        const ofV = means(sample, (i) => h(i) * yHat[i]!);
        const ofU = means(sample, (i) => dx[i]!);
        for (let c = 0; c < channels; c++) {
          v[c]! += ofV[c]!;
          u[c]! += ofU[c]!;
        }
      });
      return { x: dx, gamma: dgamma, beta: dbeta, u, v };
    },
  };
}
