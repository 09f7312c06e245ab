/** Fixed points of SELU; their golden values are in test/golden/weights. */
import { norm } from '../../src';
import { erfcx } from '../../src/core/erfcx';
import { seluMoments } from '../../src/norms/seluParameters';
import { expectClose } from '../support/expectClose';

/** Mean and variance of f of a normal variable, by the trapezoidal rule, split at 0 where SELU has its kink. */
function quadrature(f: (x: number) => number, m: number, v: number) {
  const s = Math.sqrt(v);
  const integrate = (g: (x: number) => number) => {
    const side = (from: number, to: number) => {
      const steps = 200_000;
      const step = (to - from) / steps;
      let sum = 0;
      for (let i = 0; i <= steps; i++) {
        const x = from + i * step;
        // One-sided at the kink, which is an end.
        const weight = (i === 0 || i === steps ? 0.5 : 1) * Math.exp(-(((x - m) / s) ** 2) / 2);
        sum += weight * g(x);
      }
      return (sum * step) / (s * Math.sqrt(2 * Math.PI));
    };
    return side(Math.min(m - 12 * s, -1e-9), 0) + side(0, Math.max(m + 12 * s, 1e-9));
  };
  const mean = integrate(f);
  return { mean, variance: integrate((x) => f(x) ** 2) - mean ** 2 };
}

const selu =
  ({ alpha, lambda }: { alpha: number; lambda: number }) =>
  (x: number) =>
    x > 0 ? lambda * x : lambda * alpha * Math.expm1(x);

test('erfcx: known values', () => {
  const want: [number, number][] = [
    [-3, 16205.988853999586],
    [-1, 5.008980080762284],
    [0, 1],
    [0.1, 0.8964569799691267],
    [0.5, 0.6156903441929259],
    [1, 0.427583576155807],
    [1.5, 0.3215854164543177],
    [2, 0.25539567631050575],
    [3, 0.17900115118138998],
    [10, 0.05614099274382259],
    [1e8, 5.641895835477563e-9],
  ];
  for (const [x, value] of want)
    expectClose(`erfcx(${x})`, [erfcx(x)], [value], { relative: 3e-15 });
});

test.each([
  [0, 1],
  [0, 2],
  [0, 0.5],
  [-0.1, 2],
  [0.1, 1],
  [0.5, 3],
  [0, 10],
  [0, 0.01],
])('mean %d and variance %d are a fixed point', (mean, variance) => {
  const parameters = norm.seluParameters(mean, variance);
  const got = quadrature(selu(parameters), mean, variance);
  expectClose('mean, variance', [got.mean, got.variance], [mean, variance], {
    absolute: 1e-8,
    relative: 1e-7,
  });
});

test('the default parameters are those of mean 0 and variance 1', () => {
  const { alpha, lambda } = norm.seluParameters(0, 1);
  const defaults = norm.layers.selu();
  expectClose('parameters', [alpha, lambda], [defaults.alpha, defaults.lambda], {
    relative: 1e-15,
  });
});

test('the map of moments is that of quadrature', () => {
  const parameters = norm.seluParameters(0, 1);
  for (const [m, v] of [
    [0, 3],
    [1, 0.3],
    [-2, 1],
    [-40, 2],
  ] as const) {
    const want = quadrature(selu(parameters), m, v);
    const got = seluMoments(m, v, parameters);
    expectClose('mean, variance', [got.mean, got.variance], [want.mean, want.variance], {
      absolute: 1e-8,
      relative: 1e-6,
    });
  }
});

// Section 6.5 of the specification: perturbations of the variance shrink by 0.783 in every layer.
test('the fixed point attracts', () => {
  const parameters = norm.seluParameters(0, 1);
  const h = 1e-5;
  const [up, down] = [1 + h, 1 - h].map((v) => seluMoments(0, v, parameters));
  const slope = (of: 'mean' | 'variance') => (up![of] - down![of]) / (2 * h);
  expectClose('Jacobian', [slope('mean'), slope('variance')], [0.088834, 0.782648], {
    absolute: 1e-6,
  });
});

test.each([
  [0, 0, 'variance'],
  [0, -1, 'variance'],
  [0, Number.NaN, 'variance'],
  [Number.NaN, 1, 'mean'],
  [Number.POSITIVE_INFINITY, 1, 'mean'],
  ['0', 1, 'mean'],
  [-50, 1, 'mean and variance'],
])('refuses mean %p, variance %p', (mean, variance, argument) => {
  expect(() => norm.seluParameters(mean as number, variance)).toThrow(
    new RegExp(`^seluParameters: ${argument} must .*got`),
  );
});
