/** Normalization by moments that are propagated: rectified normal variables, convolutions, nets of both. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, values } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const { analyticNormConv2d, gaussianReluMoments } = norm.ops;

/** E max(0, z)^k for z ~ N(m, s^2), by Simpson's rule over what is above 0. */
function integral(m: number, s: number, k: number, center = 0): number {
  const [from, to] = [Math.max(0, m - 12 * s), Math.max(0, m + 12 * s, 8 * s)];
  const steps = 2000;
  const h = (to - from) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const z = from + i * h;
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    const density = Math.exp(-0.5 * ((z - m) / s) ** 2) / (s * Math.sqrt(2 * Math.PI));
    sum += weight * (z - center) ** k * density;
  }
  return (sum * h) / 3;
}

describe('gaussianReluMoments', () => {
  const MEANS = [-6, -4, -2, -0.5, 0, 1e-3, 0.5, 3, 10];

  test.each([0.01, 1, 30])('against integrals, deviation %d: digits kept in the tail', (s) => {
    tf.tidy(() => {
      const m = MEANS.map((a) => a * s);
      const { mean, variance } = gaussianReluMoments(
        m,
        m.map(() => s),
      );
      const first = m.map((value) => integral(value, s, 1));
      expectClose('mean', mean, first, { relative: 2e-5 });
      // About 0 in the tail, where the square of the mean is nothing beside; about the mean elsewhere.
      const second = m.map((value, i) => {
        if (value < 0) return integral(value, s, 2) - first[i]! ** 2;
        const below = 1 - integral(value, s, 0);
        return integral(value, s, 2, first[i]!) + below * first[i]! ** 2;
      });
      expectClose('variance', variance, second, { relative: 1e-3, absolute: 1e-12 });
    });
  });

  test('gradients are the slopes', () => {
    tf.tidy(() => {
      const [m, s] = [
        [-3, -1, -0.2, 0, 0.4, 2],
        [1, 0.5, 2, 1, 0.3, 1.5],
      ];
      const exact = (mean: number[], std: number[]) =>
        mean.map((value, i) => {
          const e = integral(value, std[i]!, 1);
          return e + 3 * (integral(value, std[i]!, 2) - e * e);
        });
      const f = (mean: Tensor, std: Tensor) => {
        const moments = gaussianReluMoments(mean, std);
        return tf.sum(tf.add(moments.mean, tf.mul(moments.variance, 3))) as never;
      };
      const [dm, ds] = tf.grads(f as never)([tf.tensor1d(m!), tf.tensor1d(s!)]);
      const h = 1e-4;
      const slopes = (move: (d: number) => [number[], number[]]) => {
        const [up, down] = [exact(...move(h)), exact(...move(-h))];
        return up.map((value, i) => (value - down[i]!) / (2 * h));
      };
      const by = (of: number[], d: number) => of.map((value) => value + d);
      expectClose(
        'dm',
        dm!,
        slopes((d) => [by(m!, d), s!]),
        { relative: 1e-3, absolute: 1e-5 },
      );
      expectClose(
        'ds',
        ds!,
        slopes((d) => [m!, by(s!, d)]),
        { relative: 1e-3, absolute: 1e-5 },
      );
    });
  });

  test('far below 0 nothing is left, far above everything', () => {
    tf.tidy(() => {
      const { mean, variance } = gaussianReluMoments([-1e4, -40, 40, 1e4], [1, 1, 1, 1]);
      expectClose('mean', mean, [0, 0, 40, 1e4], { relative: 1e-6 });
      expectClose('variance', variance, [0, 0, 1, 1], { relative: 1e-6 });
    });
  });

  test('refuses other shapes and types', () => {
    tf.tidy(() => {
      expect(() => gaussianReluMoments([1, 2], [1])).toThrow(/^gaussianReluMoments: std must have/);
      expect(() => gaussianReluMoments('a' as never, [1])).toThrow(/gaussianReluMoments: mean/);
    });
  });
});

describe('analyticNormConv2d', () => {
  const kernelOf = (shape: number[], seed: number) => tensor(normal(shape, seed)) as Tensor4D;

  // Independent normal channels: the assumption holds where no input meets an output twice.
  test('gives outputs mean bias and deviation scale, through a net of convolutions and ReLU', () => {
    tf.tidy(() => {
      const [m0, v0] = [tf.tensor1d([0.5, -1, 2]), tf.tensor1d([1, 4, 0.25])];
      const x = tf.add(tf.mul(tensor(normal([30, 12, 12, 3], 1)), tf.sqrt(v0)), m0) as Tensor4D;
      const scale = tf.tensor1d([1, 0.5, 2, 1, 1.5, 0.7, 1, 1]);
      const bias = tf.tensor1d([0, 0.3, -0.5, 1, -1, 0, 0.2, -0.2]);
      const first = analyticNormConv2d(x, kernelOf([3, 3, 3, 8], 2), {
        inputMean: m0,
        inputVariance: v0,
        scale,
        bias,
      });
      const got = tf.moments(first, [0, 1, 2]);
      expectClose('mean', got.mean, bias, { absolute: 0.1 });
      expectClose('deviation', tf.sqrt(got.variance), scale, { relative: 0.07 });

      const { mean, variance } = gaussianReluMoments(bias, scale);
      const rectified = tf.moments(tf.relu(first), [0, 1, 2]);
      expectClose('mean after ReLU', mean, rectified.mean, { absolute: 0.08 });
      expectClose('variance after ReLU', variance, rectified.variance, { relative: 0.2 });

      // Neighbouring outputs share inputs, so from here on it is an approximation: a factor, not a collapse.
      const second = analyticNormConv2d(tf.relu(first) as Tensor4D, kernelOf([3, 3, 8, 16], 3), {
        inputMean: mean,
        inputVariance: variance,
      });
      const deviation = values(tf.sqrt(tf.moments(second, [0, 1, 2]).variance));
      for (const one of Array.from(deviation)) {
        expect(one).toBeGreaterThan(0.4);
        expect(one).toBeLessThan(2.5);
      }
    });
  });

  test('no batch enters: samples give the same alone', () => {
    tf.tidy(() => {
      const x = tensor(normal([3, 5, 5, 2], 4)) as Tensor4D;
      const options = {
        inputMean: tf.zeros([2]),
        inputVariance: tf.ones([2]),
        padding: 'same',
      } as const;
      const kernel = kernelOf([3, 3, 2, 4], 5);
      const all = analyticNormConv2d(x, kernel, { ...options, strides: 2 });
      expect(all.shape).toEqual([3, 3, 3, 4]);
      const alone = tf
        .unstack(x)
        .map((one) =>
          analyticNormConv2d(tf.expandDims(one) as Tensor4D, kernel, { ...options, strides: 2 }),
        );
      expectClose('y', tf.concat(alone), all, { absolute: 2e-6 });
    });
  });

  test('inputs without variance: finite', () => {
    tf.tidy(() => {
      const zeros = tf.zeros([2]);
      const y = analyticNormConv2d(tf.zeros([1, 3, 3, 2]), kernelOf([3, 3, 2, 4], 5), {
        inputMean: zeros,
        inputVariance: zeros,
      });
      expectClose('y', y, [0, 0, 0, 0], { absolute: 0 });
    });
  });

  test('refuses wrong arguments; leaves nothing', async () => {
    const [x, kernel] = [tf.zeros([1, 3, 3, 2]) as Tensor4D, tf.ones([3, 3, 2, 4]) as Tensor4D];
    const two = tf.ones([2]);
    await expectNoLeak(() => {
      const call =
        (options: object, k: Tensor = kernel) =>
        () =>
          analyticNormConv2d(x, k as never, { inputMean: two, inputVariance: two, ...options });
      expect(call({ inputMean: kernel })).toThrow(/inputMean must have shape \[2\]/);
      expect(call({ inputVariance: undefined })).toThrow(/inputVariance/);
      expect(call({ scale: two })).toThrow(/scale must have shape \[4\]/);
      expect(call({ padding: 'full' })).toThrow(/padding/);
      expect(call({ strides: 0 })).toThrow(/strides/);
      expect(call({}, two)).toThrow(/kernel must have shape \[height, width, 2, filters\]/);
      call({})().dispose();
    });
    tf.dispose([x, kernel, two]);
  });
});

describe('analyticNormDense', () => {
  const options = (channels: number, outputs: number) => ({
    inputMean: tensor(normal([channels], 1)),
    inputVariance: tf.square(tensor(normal([channels], 2))),
    scale: tensor(normal([outputs], 3)),
    bias: tensor(normal([outputs], 4)),
  });

  test('of an image, flattened: the convolution with a window of its size', () => {
    tf.tidy(() => {
      const x = tensor(normal([5, 3, 4, 2], 5)) as Tensor4D;
      const kernel = tensor(normal([3, 4, 2, 6], 6)) as Tensor4D;
      const given = options(2, 6);
      const dense = (of: Tensor, k: Tensor, more: Partial<typeof given>) =>
        norm.ops.analyticNormDense(tf.reshape(of, [5, 24]), tf.reshape(k, [24, 6]) as never, {
          ...given,
          ...more,
        });
      const conv = (of: Tensor, k: Tensor, more: Partial<typeof given>) =>
        tf.reshape(
          analyticNormConv2d(of as Tensor4D, k as Tensor4D, { ...given, ...more }),
          [5, 6],
        );
      const want = conv(x, kernel, {});
      expectClose('y', dense(x, kernel, {}), want, { absolute: 2e-6 });
      const inputs = [x, kernel, ...Object.values(given)];
      const dy = tensor(normal([5, 6], 7));
      const gradients = (op: typeof conv) =>
        tf.grads((of, k, inputMean, inputVariance, scale, bias) =>
          op(of!, k!, { inputMean, inputVariance, scale, bias }),
        )(inputs, dy);
      const wanted = gradients(conv);
      gradients(dense).forEach((gradient, i) => {
        expectClose(`gradient ${i}`, gradient, wanted[i]!, { absolute: 1e-5 });
      });
    });
  });

  test('no samples', () => {
    tf.tidy(() => {
      const y = norm.ops.analyticNormDense(tf.zeros([0, 4]), tf.ones([4, 3]), options(2, 3));
      expect(y.shape).toEqual([0, 3]);
    });
  });

  test.each<[RegExp, () => unknown]>([
    [
      /x must have rank 2/,
      () => norm.ops.analyticNormDense(tf.ones([1, 2, 2]) as never, [[1]], options(1, 1)),
    ],
    [
      /kernel must have shape \[4, outputs\]/,
      () => norm.ops.analyticNormDense(tf.ones([1, 4]), tf.ones([3, 2]), options(4, 2)),
    ],
    [
      /inputMean must have a number of channels that divides 4/,
      () => norm.ops.analyticNormDense(tf.ones([1, 4]), tf.ones([4, 2]), options(3, 2)),
    ],
    [
      /scale must have shape \[2\]/,
      () => norm.ops.analyticNormDense(tf.ones([1, 4]), tf.ones([4, 2]), options(4, 3)),
    ],
  ])('refuses: %s', (message, call) => {
    tf.tidy(() => expect(() => void call()).toThrow(message));
  });
});
