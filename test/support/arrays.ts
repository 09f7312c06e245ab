/** Float64 arrays with a shape, seeded random data, and transposition: what the reference works on. */

export interface Array64 {
  shape: number[];
  data: Float64Array;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function array64(shape: readonly number[], data: ArrayLike<number>): Array64 {
  return { shape: [...shape], data: Float64Array.from(data) };
}

/** mulberry32: small, and the same everywhere. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Normally distributed values, each exactly a float32. */
export function normal(
  shape: readonly number[],
  seed: number,
  { mean = 0, deviation = 1 }: { mean?: number; deviation?: number } = {},
): Array64 {
  const uniform = generator(seed);
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    data[i] = Math.fround(mean + deviation * radius * Math.cos(2 * Math.PI * uniform()));
  }
  return { shape: [...shape], data };
}

export function normalizeAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function strides(shape: readonly number[]): number[] {
  const steps = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) steps[d] = steps[d + 1]! * shape[d + 1]!;
  return steps;
}

/** Calls `visit` with every multi-index (reused between calls) in row-major order. */
export function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], flat: number) => void,
): void {
  const index = shape.map(() => 0);
  const size = sizeOf(shape);
  for (let flat = 0; flat < size; flat++) {
    visit(index, flat);
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      if (index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
}

export function transpose(x: Array64, permutation: readonly number[]): Array64 {
  const from = strides(x.shape);
  const shape = permutation.map((d) => x.shape[d]!);
  const data = new Float64Array(x.data.length);
  forEachIndex(shape, (index, flat) => {
    let at = 0;
    for (let d = 0; d < permutation.length; d++) at += index[d]! * from[permutation[d]!]!;
    data[flat] = x.data[at]!;
  });
  return { shape, data };
}

/** [N, ..., C] to [N, C, ...]. */
export function channelsFirst(x: Array64): Array64 {
  const rank = x.shape.length;
  return transpose(x, [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, d) => d + 1)]);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
