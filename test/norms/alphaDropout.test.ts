/** Alpha dropout, alone and with SELU before it. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { digitsOf, randomWords, streamOf } from '../../src/core/philox';
import { forEachIndex, normal, sizeOf, strides } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { describeBadArguments } from '../support/checks/badArguments';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, onBackend, tensor, withGradients } from '../support/tensors';

const SATURATION = 1.6732632423543772 * 1.0507009873554805;

/** Whether each element is kept, from the definition. */
function keptOf(
  shape: number[],
  rate: number,
  seed: number,
  stream = 0,
  noiseShape: (number | null)[] = shape,
): boolean[] {
  const missing = shape.length - noiseShape.length;
  const extents = shape.map((own, d) => (d < missing ? 1 : (noiseShape[d - missing] ?? own)));
  const words = randomWords(streamOf(digitsOf(seed, stream)), sizeOf(extents));
  const steps = strides(extents);
  const kept: boolean[] = [];
  forEachIndex(shape, (index, flat) => {
    const place = index.reduce((at, i, d) => at + (extents[d] === 1 ? 0 : i * steps[d]!), 0);
    kept[flat] = words[place]! >>> 8 >= Math.ceil(rate * 2 ** 24);
  });
  return kept;
}

function coefficients(rate: number, saturation = SATURATION, mean = 0, variance = 1) {
  const kept = 1 - rate;
  const a = Math.sqrt(variance / (kept * (rate * (saturation + mean) ** 2 + variance)));
  return { a, b: mean - a * (kept * mean - rate * saturation) };
}

const momentsOf = (of: ArrayLike<number>) => {
  const all = Array.from(of);
  const mean = all.reduce((sum, v) => sum + v, 0) / all.length;
  return { mean, variance: all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length };
};

type Op = typeof norm.ops.alphaDropout;
const ops: [string, Op, (x: number) => number, (x: number) => number][] = [
  ['alphaDropout', norm.ops.alphaDropout, (x) => x, () => 1],
  [
    'seluAlphaDropout',
    norm.ops.seluAlphaDropout,
    (x) => (x > 0 ? 1.0507009873554805 * x : SATURATION * Math.expm1(x)),
    (x) => (x > 0 ? 1.0507009873554805 : SATURATION * Math.exp(x)),
  ],
];

const CASES: { shape: number[]; noiseShape?: (number | null)[]; rate?: number }[] = [
  { shape: [] },
  { shape: [1] },
  { shape: [7] },
  { shape: [64] },
  { shape: [129], rate: 0.5 },
  { shape: [4, 6] },
  { shape: [3, 5, 4, 6], rate: 0.05 },
  { shape: [20_011] },
  { shape: [3, 5, 4, 6], noiseShape: [null, 1, 1, null], rate: 0.5 },
  { shape: [3, 5, 4, 6], noiseShape: [3, 1, 1, 6], rate: 0.5 },
  { shape: [3, 5, 4, 6], noiseShape: [1, 5, 4, 1], rate: 0.5 },
  { shape: [3, 5, 4, 6], noiseShape: [3, 1, 4, 1], rate: 0.5 },
  { shape: [3, 5, 4, 6], noiseShape: [6], rate: 0.5 },
  { shape: [3, 5, 4, 6], noiseShape: [4, 1], rate: 0.5 },
  { shape: [3, 5, 4, 6], noiseShape: [1, 1, 1, 1], rate: 0.5 },
  { shape: [300, 40, 3], noiseShape: [300, 1, 3], rate: 0.5 },
  { shape: [300, 3, 40], noiseShape: [300, 3, 1], rate: 0.5 },
  { shape: [2, 3, 2, 3, 7], noiseShape: [1, 3, 1, 3, 1], rate: 0.3 },
];

describe.each(ops)('%s', (name, op, f, slope) => {
  test.each(CASES)(
    '$shape, noise shape $noiseShape, rate $rate',
    ({ shape, noiseShape, rate = 0.1 }) => {
      tf.tidy(() => {
        const [seed, stream] = [0x1234567890abc, 5];
        const x = normal(shape, 1, { deviation: 1.5 });
        const dy = normal(shape, 2);
        const { a, b } = coefficients(rate);
        const options = { rate, noiseShape, seed, stream };
        const { y, grads } = withGradients((t) => op(t!, options), [tensor(x)], tensor(dy));
        const kept = keptOf(shape, rate, seed, stream, noiseShape);
        expect(y.shape).toEqual(shape);
        const want = x.data.map((v, i) => a * (kept[i] ? f(v) : -SATURATION) + b);
        expectClose('y', y, want, { absolute: 5e-7, relative: 3e-7 });
        const wantDx = x.data.map((v, i) => (kept[i] ? a * dy.data[i]! * slope(v) : 0));
        expectClose('dx', grads[0]!, wantDx, { absolute: 1e-6, relative: 1e-6 });
        const dx = values(grads[0]!);
        const wrong = kept.findIndex((keep, i) => !keep && dx[i] !== 0);
        expect(wrong).toBe(-1);
      });
    },
  );

  test('the same seed and stream give the same mask, others another one', () => {
    tf.tidy(() => {
      const x = tf.ones([1000]);
      const draw = (options: object) => op(x, { rate: 0.5, ...options });
      const first = draw({ seed: 1 });
      expectSameBits('y', draw({ seed: 1 }), first);
      expectSameBits('y', draw({ seed: 1, stream: 0 }), first);
      for (const options of [
        { seed: 2 },
        { seed: 1, stream: 1 },
        { seed: -1 },
        { seed: 2 ** 40 },
      ]) {
        const differing = tf.notEqual(draw(options), first).sum().dataSync()[0]!;
        expect(differing).toBeGreaterThan(400);
        expect(differing).toBeLessThan(600);
      }
    });
  });

  test('without a seed every call draws anew', () => {
    tf.tidy(() => {
      const x = tf.ones([1000]);
      const [first, second] = [op(x, { rate: 0.5 }), op(x, { rate: 0.5 })];
      expect(tf.notEqual(first, second).sum().dataSync()[0]).toBeGreaterThan(400);
    });
  });

  test('rate 0 drops nothing and changes nothing', () => {
    tf.tidy(() => {
      const x = tensor(normal([500], 3));
      const want = name === 'alphaDropout' ? x : norm.ops.selu(x);
      expectSameBits('y', op(x, { rate: 0, seed: 1 }), want);
      const dx = tf.grad((t: Tensor) => op(t, { rate: 0, seed: 1 }))(x);
      const wantDx =
        name === 'alphaDropout' ? tf.onesLike(x) : tf.grad((t: Tensor) => norm.ops.selu(t))(x);
      expectSameBits('dx', dx, wantDx);
    });
  });

  test('rates so near 1 that everything is dropped', () => {
    tf.tidy(() => {
      const rate = 1 - 1e-9;
      const { a, b } = coefficients(rate);
      const y = op(tensor(normal([100], 4)), { rate, seed: 1 });
      // a is 18 thousand here, and what is left of -a * 1.758 + b its rounding.
      expectClose('y', y, new Float64Array(100).fill(b - a * SATURATION), { absolute: 4e-3 });
    });
  });

  test.each([[[0]], [[4, 0, 6]]])('empty %j', (shape) => {
    tf.tidy(() => {
      const { y, grads } = withGradients(
        (t) => op(t!, { rate: 0.5 }),
        [tf.zeros(shape)],
        tf.zeros(shape),
      );
      expect([y.shape, grads[0]!.shape]).toEqual([shape, shape]);
    });
  });

  test('NaN and infinities pass where they are kept, and nowhere else', () => {
    tf.tidy(() => {
      const rate = 0.5;
      const kept = keptOf([200], rate, 9);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const y = values(op(tf.fill([200], value), { rate, seed: 9 }));
        const dropped = Math.min(...Array.from(y).filter(Number.isFinite));
        for (const [i, keep] of kept.entries()) expect(y[i]).toBe(keep ? value : dropped);
        // What is dropped stops any gradient.
        const x = tensor(normal([200], 5));
        const dx = values(
          tf.grad((t: Tensor) => op(t, { rate, seed: 9 }))(x, tf.fill([200], value)),
        );
        for (const [i, keep] of kept.entries()) {
          if (keep) expect(dx[i]).toBe(value);
          else expect(dx[i]).toBe(0);
        }
      }
    });
  });

  test('leaves nothing behind', async () => {
    const x = tensor(normal([3, 4, 5], 6));
    op(x, { rate: 0.5 }).dispose();
    await expectNoLeak(() => {
      const before = tf.memory().numTensors;
      const y = op(x, { rate: 0.5, noiseShape: [3, 1, 5] });
      expect(tf.memory().numTensors).toBe(before + 1);
      tf.dispose([y, tf.grad((t: Tensor) => op(t, { rate: 0.5 }))(x)]);
    });
    x.dispose();
  });

  test('backends tensorflow and cpu agree, masks to the bit', async () => {
    const x = normal([7, 11, 13], 7);
    const run = () =>
      tf.tidy(() => {
        const options = { rate: 0.4, seed: 3, noiseShape: [7, 1, 13] };
        const { y, grads } = withGradients(
          (t) => op(t!, options),
          [tensor(x)],
          tf.ones([7, 11, 13]),
        );
        return [y, grads[0]!].map((t) => Float32Array.from(values(t)));
      });
    const here = run();
    const cpu = await onBackend('cpu', run);
    for (const i of [0, 1]) expectClose('y, dx', here[i]!, cpu[i]!, { absolute: 1e-6 });
  });

  (native ? test : test.skip)('one call forward, one backward, no memory but the outputs', () => {
    const shape = [16, 33, 65];
    const [x, dy] = [tf.ones(shape), tf.ones(shape)];
    norm.resetCounters();
    tf.dispose(tf.grad((t: Tensor) => op(t, { rate: 0.1, seed: 1 }))(x, dy));
    const { opCalls, launches, outputBytes, tempBytes } = norm.counters();
    expect({ opCalls, outputBytes, tempBytes }).toEqual({
      opCalls: 2,
      outputBytes: 2 * 4 * sizeOf(shape),
      tempBytes: 0,
    });
    expect(launches).toBe(asked === 'host' ? 0 : 2);
    tf.dispose([x, dy]);
  });

  const on = (options: unknown, x?: unknown) => () =>
    tf.tidy(() => op((x as never) ?? tf.zeros([2, 3]), options as never));
  const says = (text: string) => new RegExp(`^${name}: ${text}`, 's');
  describeBadArguments({
    badArguments: [
      ['no options', on(undefined), says('rate.*got undefined')],
      ['rate 1', on({ rate: 1 }), says('rate.*1 excluded.*got 1')],
      ['rate -0.1', on({ rate: -0.1 }), says('rate.*got -0\\.1')],
      ['rate 1.5', on({ rate: 1.5 }), says('rate.*got 1\\.5')],
      ['rate NaN', on({ rate: Number.NaN }), says('rate.*got NaN')],
      ["rate '0.5'", on({ rate: '0.5' }), says("rate.*got '0\\.5'")],
      ['seed 0.5', on({ rate: 0.5, seed: 0.5 }), says('seed.*integer.*got 0\\.5')],
      ['seed 2^53', on({ rate: 0.5, seed: 2 ** 53 }), says('seed.*integer.*got 9007')],
      ["seed 'a'", on({ rate: 0.5, seed: 'a' }), says("seed.*integer.*got 'a'")],
      ['stream -1', on({ rate: 0.5, seed: 1, stream: -1 }), says('stream.*got -1')],
      ['stream without seed', on({ rate: 0.5, stream: 1 }), says('stream.*without a seed')],
      ['noiseShape 3', on({ rate: 0.5, noiseShape: 3 }), says('noiseShape.*list.*got 3')],
      ['noiseShape [2.5, 3]', on({ rate: 0.5, noiseShape: [2.5, 3] }), says('noiseShape.*got')],
      ['noiseShape [3, 3]', on({ rate: 0.5, noiseShape: [3, 3] }), says('noiseShape.*\\[2,3\\]')],
      ['noiseShape [2]', on({ rate: 0.5, noiseShape: [2] }), says('noiseShape.*\\[2,3\\]')],
      ['noiseShape [1, 2, 3]', on({ rate: 0.5, noiseShape: [1, 2, 3] }), says('noiseShape')],
      ['noiseShape [0, 3]', on({ rate: 0.5, noiseShape: [0, 3] }), says('noiseShape')],
      ['variance 0', on({ rate: 0.5, variance: 0 }), says('variance.*got 0')],
      ['mean Infinity', on({ rate: 0.5, mean: Number.POSITIVE_INFINITY }), says('mean.*Infinity')],
      ['alpha -1', on({ rate: 0.5, alpha: -1 }), says('alpha.*got -1')],
      ["'image' for x", on({ rate: 0.5 }, 'image'), says('x.*')],
    ],
  } as never);
});

test('seluAlphaDropout is alphaDropout after selu, value and gradient', () => {
  tf.tidy(() => {
    const options = {
      rate: 0.3,
      seed: 12,
      ...norm.seluParameters(-0.1, 2),
      mean: -0.1,
      variance: 2,
    };
    const { alpha, lambda } = options;
    const x = tensor(normal([40, 50], 1, { deviation: 3 }));
    const dy = tensor(normal([40, 50], 2));
    const one = withGradients((t) => norm.ops.seluAlphaDropout(t!, options), [x], dy);
    const two = withGradients(
      (t) => norm.ops.alphaDropout(norm.ops.selu(t!, { alpha, lambda }), options),
      [x],
      dy,
    );
    expectClose('y', one.y, two.y, { absolute: 1e-6 });
    expectClose('dx', one.grads[0]!, two.grads[0]!, { absolute: 2e-6 });
  });
});

// Section 6.6 of the specification: 1e5 samples.
describe('keeps mean and variance of normal input', () => {
  const x = normal([100_000], 11);
  test.each([0.05, 0.1, 0.3, 0.5, 0.9])('rate %d', (rate) => {
    const { mean, variance } = tf.tidy(() =>
      momentsOf(values(norm.ops.alphaDropout(tensor(x), { rate, seed: 4 }))),
    );
    // Five standard deviations of the estimates, whose own variance grows with a.
    expect(Math.abs(mean)).toBeLessThan(0.016);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03 * coefficients(rate).a ** 2);
  });

  test('of another fixed point', () => {
    const [m, v] = [-0.5, 2];
    const shifted = x.data.map((value) => m + Math.sqrt(v) * value);
    const options = { rate: 0.2, seed: 4, mean: m, variance: v };
    const { mean, variance } = tf.tidy(() =>
      momentsOf(values(norm.ops.alphaDropout(tensor({ shape: x.shape, data: shifted }), options))),
    );
    expect(Math.abs(mean - m)).toBeLessThan(0.025);
    expect(Math.abs(variance / v - 1)).toBeLessThan(0.03);
  });

  test.each([
    [0.05, 0.165],
    [0.1, 0.32],
    [0.5, 1.556],
  ])('tfjs itself does not: at rate %d its mean is %d', (rate, wrong) => {
    const { mean, variance } = tf.tidy(() => {
      const layer = tf.layers.alphaDropout({ rate });
      return momentsOf(values(layer.apply(tensor(x), { training: true }) as Tensor));
    });
    expect(Math.abs(mean - wrong)).toBeLessThan(0.016);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    // The sign of what is dropped: 2 * a * rate * 1.758 too much.
    const { a } = coefficients(rate);
    expect(wrong).toBeCloseTo(2 * a * rate * SATURATION, 2);
  });
});
