/** Affine maps with scale and offset as random as batch statistics: the op. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { batchNoisePairs } from '../../src/core/batchNoise';
import { digitsOf, streamOf } from '../../src/core/philox';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import {
  batchReference,
  checkAffine,
  LAYOUTS,
  type Layout,
  pairShape,
  placesOf,
} from '../support/stochasticReference';
import { tensor, withGradients } from '../support/tensors';

const { stochasticAffine } = norm.ops;
const [SEED, STREAM] = [0x1234567890abc, 5];
const stream = streamOf(digitsOf(SEED, STREAM));

describe('stochasticAffine', () => {
  test.each(LAYOUTS)('given noise, $shape, axis $axis, per $granularity', (layout) => {
    tf.tidy(() => {
      const { shape, axis, granularity } = layout;
      const places = placesOf(layout);
      const x = normal(shape, 1, { mean: 1 });
      const dy = normal(shape, 2);
      const [gamma, beta] = [normal([places.channels], 3), normal([places.channels], 4)];
      const given = [normal(pairShape(layout), 5), normal(pairShape(layout), 6, { mean: 1 })];
      const inputs = [x, gamma, beta, ...given];
      const reference = batchReference(
        places,
        inputs.map((i) => i.data),
        dy.data,
      );
      const op = (t?: Tensor, g?: Tensor, b?: Tensor, u?: Tensor, v?: Tensor) =>
        stochasticAffine(t!, { gamma: g, beta: b, u, v, axis, granularity });
      checkAffine(op as never, inputs, reference, shape, dy);
    });
  });

  test.each(LAYOUTS)('drawn noise, $shape, axis $axis, per $granularity', (layout) => {
    tf.tidy(() => {
      const { shape, axis, granularity } = layout;
      const places = placesOf(layout);
      for (const effectiveN of [4, 7, 15, 16, 33.5]) {
        const { first, second } = batchNoisePairs(stream, places.pairs, effectiveN);
        const options = { effectiveN, seed: SEED, stream: STREAM, axis, granularity };
        const x = tensor(normal(shape, 1));
        const dy = tensor(normal(shape, 2));
        const gamma = tensor(normal([places.channels], 3));
        const run = (noise: object) =>
          withGradients((t, g) => stochasticAffine(t!, { gamma: g, ...noise }), [x, gamma], dy);
        const drawn = run(options);
        const [u, v] = [first, second].map((data) => tf.tensor(data, pairShape(layout)));
        const given = run({ u, v, axis, granularity });
        // The noise is the same to the bit on every device, and again in the backward pass.
        expectSameBits('y', drawn.y, given.y);
        expectSameBits('dx', drawn.grads[0]!, given.grads[0]!);
        expectSameBits('dgamma', drawn.grads[1]!, given.grads[1]!);
      }
    });
  });

  test('neither gamma nor beta', () => {
    tf.tidy(() => {
      const layout: Layout = { shape: [6, 4], axis: 1, granularity: 'batch' };
      const { first: u, second: v } = batchNoisePairs(stream, 4, 8);
      const [x, dy] = [normal([6, 4], 1), normal([6, 4], 2)];
      const ones = new Float64Array(4).fill(1);
      const numbers = [x.data, ones, new Float64Array(4), u, v];
      const reference = batchReference(placesOf(layout), numbers, dy.data);
      const options = { effectiveN: 8, seed: SEED, stream: STREAM };
      checkAffine((t) => stochasticAffine(t!, options), [x], reference, [6, 4], dy);
    });
  });

  // Section 5.1: if x is normal, u ~ N(0, 1/n) and n / v^2 ~ chi2 of n - 1 degrees of freedom.
  test.each([
    [4, Number.NaN],
    [8, 1.2036],
    [32, 1.0414],
    [128, 1.0099],
  ])('the moments of u and v, n = %d: mean of v %d', (n, meanOfV) => {
    const count = 20_000;
    const u = new Float64Array(count);
    const v = new Float64Array(count);
    tf.tidy(() => {
      // From y at x = 0 and x = 1.
      const options = { effectiveN: n, seed: 11 };
      const at = (x: number) => values(stochasticAffine(tf.fill([1, count], x), options));
      const [zero, one] = [at(0), at(1)];
      for (let i = 0; i < count; i++) {
        v[i] = one[i]! - zero[i]!;
        u[i] = -zero[i]! / v[i]!;
      }
    });
    const mean = (of: Float64Array) => of.reduce((a, b) => a + b, 0) / count;
    const square = (of: Float64Array) => mean(of.map((value) => value * value));
    expect(Math.abs(mean(u))).toBeLessThan(5 / Math.sqrt(n * count));
    expect(Math.abs(square(u) * n - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    if (!Number.isNaN(meanOfV)) expect(Math.abs(mean(v) / meanOfV - 1)).toBeLessThan(0.006);
    // n / v^2: mean n - 1, variance 2 (n - 1).
    const chi2 = v.map((value) => n / value ** 2);
    const [m, degrees] = [mean(chi2), n - 1];
    expect(Math.abs(m - degrees)).toBeLessThan(5 * Math.sqrt((2 * degrees) / count));
    const variance = square(chi2) - m * m;
    expect(Math.abs(variance / (2 * degrees) - 1)).toBeLessThan(0.08);
    // Independent: no correlation beyond five standard deviations of its estimate.
    const product = mean(u.map((value, i) => value * Math.log(v[i]!)));
    expect(Math.abs(product)).toBeLessThan(5 / Math.sqrt(n * count) / Math.sqrt(n - 2));
  });

  test('the noise is that of batch norm over n normal values', () => {
    tf.tidy(() => {
      const [n, count] = [8, 10_000];
      const { mean, variance } = tf.moments(tensor(normal([n, count], 21)), 0);
      const drawn = batchNoisePairs(streamOf(digitsOf(5, 0)), count, n);
      const quantiles = (of: ArrayLike<number>) => {
        const sorted = Float64Array.from(of).sort();
        return [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99].map((q) => sorted[Math.floor(q * count)]!);
      };
      const noise = { absolute: 0.02, relative: 0.05 };
      expectClose('u', quantiles(drawn.first), quantiles(values(mean)), noise);
      expectClose('v', quantiles(drawn.second), quantiles(values(tf.rsqrt(variance))), noise);
    });
  });
});
