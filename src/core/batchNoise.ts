/** The noise of normalization by random parameters, as native/norms/stochastic_noise.h draws it, to the bit. */
import type { Fail } from './errors';
import { boxMuller, logOf, uniform } from './normal';
import { randomWords, type Stream } from './philox';

/** From so many values on, chi2 is the cube of Wilson & Hilferty. */
const LEAST_SMOOTH = 16;
const LEAST = 4;
const FLOOR = 1e-3;
/** Of a pair of fewer values. */
const WORDS = 12;

/** What is random: u and v of batch norm's form, or the normal numbers of scale and bias; one for each pair. */
export interface PairNoise {
  first: Float32Array;
  second: Float32Array;
}

/** How many values the statistics are of, as the kernels take it. */
export function checkEffectiveN(fail: Fail, value: unknown): number {
  const n = typeof value === 'number' ? Math.fround(value) : Number.NaN;
  if (!(n >= LEAST && Number.isFinite(n)) || (n < LEAST_SMOOTH && !Number.isInteger(value))) {
    return fail('effectiveN', 'must be an integer from 4, or a finite number from 16', value);
  }
  return n;
}

function vOf(n: number, chi2: number): number {
  return Math.sqrt(n / Math.max(chi2, FLOOR * (n - 1)));
}

/** Wilson & Hilferty's chi2 of n - 1 degrees of freedom. */
function smoothChi2(n: number, z: number): number {
  const degrees = n - 1;
  const shrink = 2 / (9 * degrees);
  const t = 1 - shrink + z * Math.sqrt(shrink);
  return degrees * (t * t * t);
}

/** u and v from two normal numbers: u = z2 / sqrt(n), v = sqrt(n / chi2). */
export function batchNoiseOf(n: number, [z1, z2]: readonly [number, number]): [number, number] {
  return [z2 / Math.sqrt(n), vOf(n, smoothChi2(n, z1))];
}

/** As {@link batchNoiseOf}, for few values, which have chi2 exactly. */
function fewOf(n: number, words: Uint32Array): [number, number] {
  const degrees = n - 1;
  const [z1, z2] = boxMuller(words[0]!, words[1]!);
  let product = 1;
  for (let i = 0; i < Math.floor(degrees / 2); i++) product *= uniform(words[2 + i]!);
  const odd = degrees % 2 === 1 ? z1 * z1 : 0;
  return [z2 / Math.sqrt(n), vOf(n, -2 * logOf(product) + odd)];
}

function pairs(count: number, of: (pair: number) => readonly [number, number]): PairNoise {
  const noise = { first: new Float32Array(count), second: new Float32Array(count) };
  for (let pair = 0; pair < count; pair++) {
    [noise.first[pair], noise.second[pair]] = of(pair) as [number, number];
  }
  return noise;
}

/** Two normal numbers of each pair. */
export function normalPairs(stream: Stream, count: number): PairNoise {
  const words = randomWords(stream, 2 * count);
  return pairs(count, (pair) => boxMuller(words[2 * pair]!, words[2 * pair + 1]!));
}

/** u and v of each pair. */
export function batchNoisePairs(stream: Stream, count: number, n: number): PairNoise {
  if (n < LEAST_SMOOTH) {
    const words = randomWords(stream, WORDS * count);
    return pairs(count, (pair) => fewOf(n, words.subarray(WORDS * pair, WORDS * (pair + 1))));
  }
  const words = randomWords(stream, 2 * count);
  return pairs(count, (pair) => {
    const z = boxMuller(words[2 * pair]!, words[2 * pair + 1]!);
    return batchNoiseOf(n, z);
  });
}
