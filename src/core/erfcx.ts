/** e^(x^2) * erfc(x) in double, within a few units in the last place; erfc itself is nothing far above 0. */

const MIDDLE = 1;

/** e^(x^2) * erf(x) = 2 / sqrt(pi) * sum over n of 2^n x^(2n + 1) / (1 * 3 * ... * (2n + 1)), all of one sign. */
function scaledErf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** sqrt(pi) * erfcx(x) = 1 / (x + (1/2) / (x + (2/2) / (x + (3/2) / (x + ...)))), x > 0. */
function continuedFraction(x: number): number {
  const depth = Math.ceil(20 + 500 / (x * x));
  let tail = x;
  for (let k = depth; k >= 1; k--) tail = x + k / 2 / tail;
  return 1 / (tail * Math.sqrt(Math.PI));
}

export function erfcx(x: number): number {
  if (x < -MIDDLE) return 2 * Math.exp(x * x) - continuedFraction(-x);
  if (x > MIDDLE) return continuedFraction(x);
  return Math.exp(x * x) - scaledErf(x);
}
