/** The float64 definitions of generalized Hamming distances. */
import type { Array64 } from './arrays';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export interface HammingSettings {
  taps: number;
  r: number;
  output: string;
  threshold: string;
  alpha: number;
}

/** y and its derivatives by acc and r, of one value. */
export function hammingElement(
  acc: number,
  { taps, r, output, threshold, alpha }: HammingSettings,
) {
  const c = (2 * acc) / taps;
  const [below, above] = [sigmoid(alpha * (-c - r)), sigmoid(alpha * (c - r))];
  const [falls, rises] = [below * (1 - below), above * (1 - above)];
  // Without a zone where r is 0.
  const far = r === 0 || Math.abs(c) > r;
  const passed = { none: true, relu: c > 0, double: far, soft: true }[threshold]!;
  const t = threshold === 'soft' ? c * (below + above) : passed ? c : 0;
  const soft = below + above + (rises === falls ? 0 : alpha * c * (rises - falls));
  const byC = threshold === 'soft' ? soft : Number(passed);
  const factor = { distance: -1, similarity: 1, centered: 1, raw: taps / 2 }[output]!;
  const y = { distance: 0.5 - t, similarity: t - 0.5, centered: t, raw: (taps / 2) * (t - 0.5) };
  return {
    y: y[output as keyof typeof y],
    byAcc: (factor * byC * 2) / taps,
    byR: threshold === 'soft' ? -factor * alpha * c * (falls + rises) : 0,
  };
}

export const hamming = (a: number, b: number) => a + b - 2 * a * b;

/** The definition, by every tap; a tap outside of x is what the mode says. */
export function distances(
  x: Array64,
  kernel: Array64,
  stride: number,
  dilation: number,
  mode: string | null,
) {
  const [batch, height, width, inputs] = x.shape as [number, number, number, number];
  const [rows, columns, , filters] = kernel.shape as [number, number, number, number];
  const along = (input: number, taps: number) => {
    const reach = (taps - 1) * dilation + 1;
    if (!mode) return { outputs: Math.floor((input - reach) / stride) + 1, before: 0 };
    const outputs = Math.ceil(input / stride);
    return { outputs, before: Math.floor(Math.max(0, (outputs - 1) * stride + reach - input) / 2) };
  };
  const [down, across] = [along(height, rows), along(width, columns)];
  const y: number[] = [];
  for (let n = 0; n < batch; ++n)
    for (let i = 0; i < down.outputs; ++i)
      for (let j = 0; j < across.outputs; ++j)
        for (let o = 0; o < filters; ++o) {
          let [sum, taps] = [0, 0];
          for (let k = 0; k < rows; ++k)
            for (let l = 0; l < columns; ++l)
              for (let c = 0; c < inputs; ++c) {
                const at = [
                  i * stride - down.before + k * dilation,
                  j * stride - across.before + l * dilation,
                ];
                const inside = at[0]! >= 0 && at[0]! < height && at[1]! >= 0 && at[1]! < width;
                if (!inside && mode === 'count') continue;
                const a = inside
                  ? x.data[((n * height + at[0]!) * width + at[1]!) * inputs + c]!
                  : mode === 'neutral'
                    ? 0.5
                    : 0;
                const b = kernel.data[((k * columns + l) * inputs + c) * filters + o]!;
                sum += hamming(a, b);
                ++taps;
              }
          y.push(taps ? sum / taps : 0.5);
        }
  return y;
}
