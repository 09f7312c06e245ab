/** Normal random numbers as native/core/normal.h has them, to the bit: the same operations in the same order. */

const LOG = [
  0.15313837699209373, 0.1818357216161805, 0.22222198432149784, 0.2857142874366239,
  0.3999999999940942, 0.6666666666666735,
];
const SIN = [
  -2.5050760253406863e-8, 2.7557313707070068e-6, -0.0001984126982985795, 0.00833333333332249,
  -0.16666666666666632,
];
const COS = [
  2.087572321298175e-9, -2.7557314351390663e-7, 2.480158728947673e-5, -0.001388888888887411,
  0.0416666666666666,
];

const polynomial = (first: number, rest: number[], z: number): number =>
  rest.reduce((p, c) => c + z * p, first);

/** In (0, 1]. */
export const uniform = (word: number): number => ((word >>> 8) + 1) * 2 ** -24;

/** log x, 0 < x <= 1. */
export function logOf(x: number): number {
  let exponent = 0;
  let scaled = x;
  while (scaled < Math.SQRT1_2) {
    scaled *= 2;
    exponent -= 1;
  }
  const f = scaled - 1;
  const s = f / (2 + f);
  const z = s * s;
  const p = polynomial(0.14798198605116586, LOG, z);
  const halfSquare = 0.5 * f * f;
  const low = exponent * 1.9082149292705877e-10 + s * (halfSquare + z * p);
  return exponent * 0.6931471803691238 + (f + (low - halfSquare));
}

/** cos and sin of 2 pi t * 2^-24. */
function cosSin(t: number): [number, number] {
  const quarter = (t + 2 ** 21) >>> 22;
  const x = (t - quarter * 2 ** 22) * (2 * Math.PI * 2 ** -24);
  const z = x * x;
  const sin = x + z * x * polynomial(1.58969099521155e-10, SIN, z);
  const cos = 1 + (-0.5 * z + z * z * polynomial(-1.1359647557788195e-11, COS, z));
  const [a, b] = quarter & 1 ? [sin, cos] : [cos, sin];
  return [(quarter + 1) & 2 ? -a : a, quarter & 2 ? -b : b];
}

/** Two independent normal numbers from two words. */
export function boxMuller(word0: number, word1: number): [number, number] {
  const radius = Math.sqrt(-2 * logOf(uniform(word0)));
  const [cos, sin] = cosSin(word1 >>> 8);
  return [radius * cos, radius * sin];
}
