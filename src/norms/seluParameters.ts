/** SELU for other fixed points than mean 0 and variance 1. */

import { checkFinite, checkPositive } from '../core/checks';
import { erfcx } from '../core/erfcx';
import { opFail } from '../core/errors';
import { ALPHA, LAMBDA, type SeluOptions } from '../core/selu';

/** Mean and variance of SELU's output, and of its factors: E = lambda / 2 (a + alpha b), E2 = lambda^2 / 2 (c + alpha^2 d). */
interface Moments {
  a: number;
  b: number;
  c: number;
  d: number;
}

/**
 * For z ~ N(m, v), s = sqrt(v): integrals over the positive side (a, c) and the other (b, d). Products e^(m + v/2) *
 * erfc((m + v) / (s sqrt 2)) are e^(-m^2 / 2v) * erfcx((m + v) / (s sqrt 2)), in which nothing overflows.
 */
function momentsOf(m: number, v: number): Moments {
  const s = Math.sqrt(v);
  const density = Math.exp(-(m * m) / (2 * v));
  const scaled = (shift: number) => density * erfcx((m + shift * v) / (s * Math.SQRT2));
  const [q0, q1, q2] = [scaled(0), scaled(1), scaled(2)];
  const bump = Math.sqrt(2 / Math.PI) * s * density;
  return {
    a: m * (2 - q0) + bump,
    b: q1 - q0,
    c: (m * m + v) * (2 - q0) + m * bump,
    d: q0 - 2 * q1 + q2,
  };
}

/** Mean and variance of SELU of a normal variable with this mean and variance. */
export function seluMoments(
  mean: number,
  variance: number,
  { alpha, lambda }: Required<SeluOptions>,
): { mean: number; variance: number } {
  const { a, b, c, d } = momentsOf(mean, variance);
  const first = (lambda / 2) * (a + alpha * b);
  const second = ((lambda * lambda) / 2) * (c + alpha * alpha * d);
  return { mean: first, variance: second - first * first };
}

const STEPS = 100;

/**
 * The `alpha` and `lambda` with which SELU keeps a normal variable's `mean` and `variance`: Newton's method from those of
 * (0, 1), on the equations of the authors.
 *
 *     seluParameters(0, 1)    { alpha: 1.6732632423543772, lambda: 1.0507009873554805 }
 *
 * Weights that add up to 0 give the next layer's inputs mean 0 whatever `mean` is, so a mean other than 0 is not kept
 * from layer to layer without a bias of that size.
 *
 * Throws a `NormError` where an argument is out of its domain, and where no positive `alpha` and `lambda` are found.
 *
 * Paper: Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, arXiv 1706.02515.
 */
export function seluParameters(mean: number, variance: number): Required<SeluOptions> {
  const fail = opFail('seluParameters');
  const m = checkFinite(fail, 'mean', mean);
  const v = checkPositive(fail, 'variance', variance);
  const { a, b, c, d } = momentsOf(m, v);
  let [alpha, lambda] = [ALPHA, LAMBDA];
  for (let step = 0; step < STEPS; step++) {
    // Half the first moment less m, half the second less v + m^2, and their derivatives.
    const first = (lambda / 2) * (a + alpha * b) - m;
    const second = ((lambda * lambda) / 2) * (c + alpha * alpha * d) - (v + m * m);
    const [firstAlpha, firstLambda] = [(lambda / 2) * b, (a + alpha * b) / 2];
    const [secondAlpha, secondLambda] = [
      lambda * lambda * alpha * d,
      lambda * (c + alpha * alpha * d),
    ];
    const determinant = firstAlpha * secondLambda - firstLambda * secondAlpha;
    const alphaStep = (first * secondLambda - firstLambda * second) / determinant;
    const lambdaStep = (firstAlpha * second - first * secondAlpha) / determinant;
    alpha -= alphaStep;
    lambda -= lambdaStep;
    const change = Math.max(Math.abs(alphaStep / alpha), Math.abs(lambdaStep / lambda));
    if (!Number.isFinite(change)) break;
    if (change < 1e-14 && alpha > 0 && lambda > 0) return { alpha, lambda };
  }
  return fail('mean and variance', 'must be a fixed point of some SELU', [mean, variance]);
}
