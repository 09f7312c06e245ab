/** Normal random numbers as native/core/normal.h has them, to the bit: the same operations in the same order. */

const LOG = [
  1.531383769920937332e-1, 1.818357216161805012e-1, 2.222219843214978396e-1,
  2.857142874366239149e-1, 3.999999999940941908e-1, 6.66666666666673513e-1,
];
const SIN = [
  -2.50507602534068634195e-8, 2.75573137070700676789e-6, -1.98412698298579493134e-4,
  8.33333333332248946124e-3, -1.66666666666666324348e-1,
];
const COS = [
  2.0875723212981748279e-9, -2.75573143513906633035e-7, 2.48015872894767294178e-5,
  -1.38888888888741095749e-3, 4.16666666666666019037e-2,
];

const polynomial = (first: number, rest: number[], z: number): number =>
  rest.reduce((p, c) => c + z * p, first);

/** In (0, 1]. */
export const uniform = (word: number): number => ((word >>> 8) + 1) * 2 ** -24;

/** log x, 0 < x <= 1. */
export function logOf(x: number): number {
  let exponent = 0;
  let scaled = x;
  while (scaled < 0.70710678118654752) {
    scaled *= 2;
    exponent -= 1;
  }
  const f = scaled - 1;
  const s = f / (2 + f);
  const z = s * s;
  const p = polynomial(1.479819860511658591e-1, LOG, z);
  const halfSquare = 0.5 * f * f;
  const low = exponent * 1.90821492927058770002e-10 + s * (halfSquare + z * p);
  return exponent * 6.9314718036912381649e-1 + (f + (low - halfSquare));
}

/** cos and sin of 2 pi t * 2^-24. */
function cosSin(t: number): [number, number] {
  const quarter = (t + 2 ** 21) >>> 22;
  const x = (t - quarter * 2 ** 22) * (6.283185307179586477 * 2 ** -24);
  const z = x * x;
  const sin = x + z * x * polynomial(1.58969099521155010221e-10, SIN, z);
  const cos = 1 + (-0.5 * z + z * z * polynomial(-1.13596475577881948265e-11, COS, z));
  const [a, b] = quarter & 1 ? [sin, cos] : [cos, sin];
  return [(quarter + 1) & 2 ? -a : a, quarter & 2 ? -b : b];
}

/** Two independent normal numbers from two words. */
export function boxMuller(word0: number, word1: number): [number, number] {
  const radius = Math.sqrt(-2 * logOf(uniform(word0)));
  const [cos, sin] = cosSin(word1 >>> 8);
  return [radius * cos, radius * sin];
}
