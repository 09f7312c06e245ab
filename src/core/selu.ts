/** The numbers of SELU and alpha dropout, in double. */
import { checkFinite, checkPositive } from './checks';
import type { Fail } from './errors';

/** SELU with mean 0 and variance 1 as its fixed point. */
export const ALPHA = 1.6732632423543772;
export const LAMBDA = 1.0507009873554805;

/** y = lambda * x where x > 0, lambda * alpha * (e^x - 1) elsewhere. */
export interface SeluOptions {
  /** Greater than 0. Default 1.6732632423543772; {@link seluParameters} gives others. */
  alpha?: number;
  /** Greater than 0. Default 1.0507009873554805. */
  lambda?: number;
}

/** The statistics that alpha dropout keeps. */
export interface FixedPoint {
  /** The mean of what comes in. Default 0. */
  mean?: number;
  /** Its variance; greater than 0. Default 1. */
  variance?: number;
}

export function checkSelu(fail: Fail, options: SeluOptions): Required<SeluOptions> {
  return {
    alpha: checkPositive(fail, 'alpha', options.alpha ?? ALPHA),
    lambda: checkPositive(fail, 'lambda', options.lambda ?? LAMBDA),
  };
}

export function checkFixedPoint(fail: Fail, options: FixedPoint): Required<FixedPoint> {
  return {
    mean: checkFinite(fail, 'mean', options.mean ?? 0),
    variance: checkPositive(fail, 'variance', options.variance ?? 1),
  };
}

/**
 * The affine map a, b after dropout to -saturation, with which what is kept and dropped together has the mean and
 * variance of what came in.
 */
export function affineOf(
  rate: number,
  saturation: number,
  { mean, variance }: Required<FixedPoint>,
): { a: number; b: number } {
  const kept = 1 - rate;
  const distance = saturation + mean;
  const a = Math.sqrt(variance / (kept * (rate * distance * distance + variance)));
  return { a, b: mean - a * (kept * mean - rate * saturation) };
}
