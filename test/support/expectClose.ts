/**
 * Comparison of tensors with arrays. NaN matches only NaN and an infinity only itself, which
 * `tf.test_util.expectArraysClose` does not ask for (nor does that run under jest).
 */
import type { Tensor } from '@tensorflow/tfjs';

export interface Tolerance {
  /** |got - want| <= absolute + scaled * max(1, max|want|) + relative * |want|. */
  absolute?: number;
  scaled?: number;
  relative?: number;
}

/** What a careful float32 evaluation of well-conditioned data keeps to. */
export const FLOAT32: Tolerance = { scaled: 1e-5, relative: 2e-5 };

type Values = Tensor | ArrayLike<number>;

export function values(of: Values): ArrayLike<number> {
  return 'dataSync' in of ? (of.dataSync() as ArrayLike<number>) : of;
}

function largest(of: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < of.length; i++) {
    const size = Math.abs(of[i]!);
    if (Number.isFinite(size) && size > max) max = size;
  }
  return max;
}

export function expectClose(
  what: string,
  got: Values,
  want: Values,
  { absolute = 0, scaled = 0, relative = 0 }: Tolerance = FLOAT32,
): void {
  const a = values(got);
  const b = values(want);
  if (a.length !== b.length) {
    throw new Error(`${what}: expected ${b.length} values, got ${a.length}`);
  }
  const floor = absolute + scaled * Math.max(1, largest(b));
  let worst = 0;
  let at = -1;
  for (let i = 0; i < b.length; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (Object.is(x, y) || x === y) continue;
    const excess = Math.abs(x - y) / (floor + relative * Math.abs(y));
    // An excess that is not a number is a mismatch of NaNs or infinities.
    if (!(excess <= worst)) {
      worst = Number.isNaN(excess) ? Infinity : excess;
      at = i;
    }
  }
  if (worst > 1) {
    throw new Error(
      `${what}: element ${at} of ${b.length} is ${a[at]}, expected ${b[at]} ` +
        `(off by ${Math.abs(a[at]! - b[at]!).toExponential(2)}, ${worst.toPrecision(3)} times what is allowed)`,
    );
  }
  // Counts as an assertion, so that expect.hasAssertions() and a reader see that the test has one.
  expect(worst).toBeLessThanOrEqual(1);
}

export function expectSameBits(what: string, got: Values, want: Values): void {
  const a = values(got) as Float32Array;
  const b = values(want) as Float32Array;
  expect(a.length).toBe(b.length);
  const bitsA = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const bitsB = new Uint32Array(b.buffer, b.byteOffset, b.length);
  for (let i = 0; i < bitsA.length; i++) {
    if (bitsA[i] !== bitsB[i]) {
      throw new Error(`${what}: element ${i} differs between equal calls: ${a[i]} and ${b[i]}`);
    }
  }
}

export function expectAllFinite(what: string, got: Values): void {
  const data = values(got);
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]!)) throw new Error(`${what}: element ${i} is ${data[i]}`);
  }
}
