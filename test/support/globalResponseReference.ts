/** The float64 definition of global response norm. */
import { sizeOf } from './arrays';
import { affine, type Parameters, type Partition, parameterGradients } from './reference';

/** On an instance partition, sets numbered sample * channels + channel. */
export function globalResponse(
  x: Float64Array,
  p: Partition,
  parameters: Parameters,
  epsilon: number,
) {
  const channels = sizeOf(p.parameterShape);
  const samples = channels === 0 ? 0 : p.sets / channels;
  const sampleOf = (set: number) => Math.floor(set / channels);
  const perSet = (terms: Float64Array) => {
    const sums = new Float64Array(p.sets);
    terms.forEach((value, i) => {
      sums[p.set[i]!]! += value;
    });
    return sums;
  };
  const perSample = (terms: Float64Array) => {
    const means = new Float64Array(samples);
    terms.forEach((value, set) => {
      means[sampleOf(set)]! += value / channels;
    });
    return means;
  };
  const response = perSet(x.map((value) => value * value)).map(Math.sqrt);
  const scale = perSample(response).map((mean) => mean + epsilon);
  const relative = response.map((g, set) => g / scale[sampleOf(set)]!);
  const normalized = x.map((value, i) => value * relative[p.set[i]!]!);
  return {
    y: affine(p, normalized, parameters).map((value, i) => value + x[i]!),
    gradients(dy: Float64Array) {
      const g = dy.map((value, i) => value * (parameters.gamma?.data[p.parameter[i]!] ?? 1));
      const dRelative = perSet(g.map((value, i) => value * x[i]!));
      const dScale = perSample(
        dRelative.map((d, set) => (-d * relative[set]!) / scale[sampleOf(set)]!),
      );
      const dResponse = dRelative.map(
        (d, set) => d / scale[sampleOf(set)]! + dScale[sampleOf(set)]!,
      );
      const dx = dy.map((value, i) => {
        const set = p.set[i]!;
        const size = response[set]!;
        const through = size === 0 ? 0 : (dResponse[set]! * x[i]!) / size;
        return value + g[i]! * relative[set]! + through;
      });
      return { x: dx, ...parameterGradients(p, dy, normalized) };
    },
  };
}
