/**
 * Philox4x32-10 as native/core/philox.h has it: the random words of composed kernels are those of the native ones.
 * Value i of a stream is word i % 4 of block i / 4.
 */

/** Seed and stream, low word first. */
export type Stream = readonly [
  seedLow: number,
  seedHigh: number,
  streamLow: number,
  streamHigh: number,
];

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const DIGIT = 0x10000;

/** The high word of a * b. */
function high(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const first = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (first & 0xffff);
  return aHigh * bHigh + (first >>> 16) + (second >>> 16);
}

/** The words of a block, whose number is given by its low and its high word, from words[at] on. */
export function writeBlock(
  [seedLow, seedHigh, streamLow, streamHigh]: Stream,
  [blockLow, blockHigh]: readonly [number, number],
  words: Uint32Array,
  at: number,
): void {
  let [k0, k1] = [seedLow, seedHigh];
  let [c0, c1, c2, c3] = [blockLow, blockHigh, streamLow, streamHigh];
  for (let round = 0; round < ROUNDS; round++) {
    [c0, c1, c2, c3] = [
      (high(MULTIPLIER_1, c2) ^ c1 ^ k0) >>> 0,
      Math.imul(MULTIPLIER_1, c2) >>> 0,
      (high(MULTIPLIER_0, c0) ^ c3 ^ k1) >>> 0,
      Math.imul(MULTIPLIER_0, c0) >>> 0,
    ];
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  words[at] = c0;
  words[at + 1] = c1;
  words[at + 2] = c2;
  words[at + 3] = c3;
}

/** The first `count` words of a stream. */
export function randomWords(stream: Stream, count: number): Uint32Array {
  const words = new Uint32Array(Math.ceil(count / 4) * 4);
  for (let at = 0; at < count; at += 4) {
    const block = at / 4;
    writeBlock(stream, [block >>> 0, Math.floor(block / 2 ** 32)], words, at);
  }
  return words.subarray(0, count);
}

/** Seed and number of a stream as ops take them: 16-bit digits, the lowest of each first. */
export function digitsOf(seed: number | bigint, stream: number | bigint): Float32Array {
  const numbers = [seed, stream].map((number) => BigInt.asUintN(64, BigInt(number)));
  const digits = numbers.flatMap((number) =>
    [0n, 16n, 32n, 48n].map((shift) => Number((number >> shift) & 0xffffn)),
  );
  return Float32Array.from(digits);
}

export function streamOf(digits: ArrayLike<number>): Stream {
  const word = (at: number) => digits[at]! + DIGIT * digits[at + 1]!;
  return [word(0), word(2), word(4), word(6)];
}
