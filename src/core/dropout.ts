/** What ops and layers that drop elements at random share: their arguments, in the form the kernels take. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import type { Fail } from './errors';
import { digitsOf } from './philox';

/** The extents of the random numbers: each the input's own, by its extent or null, or 1 to share numbers along the axis. */
export type NoiseShape = readonly (number | null)[];

/** Which random numbers an op draws. */
export interface RandomOptions {
  /** An integer; the same seed and stream give the same numbers. Default: of this process, and new numbers every call. */
  seed?: number;
  /** The number of the call with this seed, from 0. Default 0. */
  stream?: number;
}

export function checkRate(fail: Fail, rate: unknown): number {
  return typeof rate === 'number' && rate >= 0 && rate < 1
    ? rate
    : fail('rate', 'must be a number from 0 to 1, 1 excluded', rate);
}

export function checkSeed(fail: Fail, seed: unknown): number {
  return Number.isSafeInteger(seed) ? (seed as number) : fail('seed', 'must be an integer', seed);
}

function checkStream(fail: Fail, stream: unknown): number {
  return Number.isSafeInteger(stream) && (stream as number) >= 0
    ? (stream as number)
    : fail('stream', 'must be an integer that is not negative', stream);
}

/** What is dropped, as random 24-bit numbers below a bound. */
export const thresholdOf = (rate: number): number => Math.ceil(rate * 2 ** 24);

/** A seed for whoever gives none. */
export const randomSeed = (): number => Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);

let process: { seed: number; calls: number } | undefined;

/** The seed input of an op. */
export function seedInput(fail: Fail, { seed, stream }: RandomOptions): Tensor {
  if (seed == null) {
    if (stream != null) fail('stream', 'must not be given without a seed', stream);
    process ??= { seed: randomSeed(), calls: 0 };
    return tf.tensor1d(digitsOf(process.seed, process.calls++));
  }
  return tf.tensor1d(digitsOf(checkSeed(fail, seed), checkStream(fail, stream ?? 0)));
}

export function checkNoiseShape(fail: Fail, noiseShape: unknown): NoiseShape | null {
  if (noiseShape == null) return null;
  const extent = (one: unknown) => one === null || (Number.isInteger(one) && (one as number) >= 0);
  return Array.isArray(noiseShape) && noiseShape.every(extent)
    ? [...noiseShape]
    : fail(
        'noiseShape',
        'must be a list of extents, or null for the extent of the input',
        noiseShape,
      );
}

/**
 * The axes along which random numbers are shared, as bits. Missing first axes are shared, as broadcasting has it. An
 * extent of the input that is not known yet, null, fits any.
 */
export function sharedAxes(fail: Fail, given: unknown, shape: readonly (number | null)[]): number {
  const noiseShape = checkNoiseShape(fail, given);
  if (noiseShape === null) return 0;
  const missing = shape.length - noiseShape.length;
  const fits = (extent: number | null, axis: number) => {
    const own = shape[axis + missing]!;
    return extent === null || extent === 1 || own === null || extent === own;
  };
  if (missing < 0 || !noiseShape.every(fits)) {
    fail('noiseShape', `must broadcast to the input's shape [${shape}]`, noiseShape);
  }
  return shape.reduce<number>((bits, own, axis) => {
    const shared = axis < missing || (noiseShape[axis - missing] === 1 && own !== 1);
    return shared ? bits | (1 << axis) : bits;
  }, 0);
}
