/** Affine maps with random scale and offset, of batch norm's form and learned: the ops. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { batchNoisePairs, normalPairs } from '../../src/core/batchNoise';
import { digitsOf, streamOf } from '../../src/core/philox';
import { type Array64, array64, normal, sizeOf } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { describeBadArguments } from '../support/checks/badArguments';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, onBackend, tensor, withGradients } from '../support/tensors';

const { bayesianAffine, stochasticAffine } = norm.ops;
type Granularity = 'batch' | 'sample';
const [SEED, STREAM] = [0x1234567890abc, 5];
const stream = streamOf(digitsOf(SEED, STREAM));

interface Layout {
  shape: number[];
  axis: number;
  granularity: Granularity;
}

/** The number of each element's channel, and of its pair of sample and channel. */
function placesOf({ shape, axis, granularity }: Layout) {
  const channels = shape[axis]!;
  const after = sizeOf(shape.slice(axis + 1));
  const perSample = sizeOf(shape.slice(1));
  const at = Array.from({ length: sizeOf(shape) }, (_, i) => {
    const channel = Math.floor(i / after) % channels;
    const sample = granularity === 'sample' ? Math.floor(i / perSample) : 0;
    return { channel, pair: sample * channels + channel };
  });
  return { channels, pairs: channels * (granularity === 'sample' ? shape[0]! : 1), at };
}

type Places = ReturnType<typeof placesOf>;
type Numbers = ArrayLike<number>;

/** Sums over the elements of each channel or pair. */
function sums(count: number, by: number[], terms: number[]): number[] {
  const all = Array<number>(count).fill(0);
  for (const [i, term] of terms.entries()) all[by[i]!]! += term;
  return all;
}

/** y, and the gradients of x, gamma, beta, u and v. */
function batchReference(
  { at, channels, pairs }: Places,
  [x, gamma, beta, u, v]: Numbers[],
  dy: Numbers,
) {
  const each = (f: (i: number, channel: number, pair: number) => number) =>
    at.map(({ channel, pair }, i) => f(i, channel, pair));
  const ofChannel = at.map((a) => a.channel);
  const ofPair = at.map((a) => a.pair);
  return {
    y: each((i, c, p) => gamma![c]! * v![p]! * (x![i]! - u![p]!) + beta![c]!),
    grads: [
      each((i, c, p) => gamma![c]! * v![p]! * dy[i]!),
      sums(
        channels,
        ofChannel,
        each((i, _, p) => v![p]! * (x![i]! - u![p]!) * dy[i]!),
      ),
      sums(channels, ofChannel, Array.from(dy)),
      sums(
        pairs,
        ofPair,
        each((i, c, p) => -gamma![c]! * v![p]! * dy[i]!),
      ),
      sums(
        pairs,
        ofPair,
        each((i, c, p) => gamma![c]! * (x![i]! - u![p]!) * dy[i]!),
      ),
    ],
  };
}

/** y, and the gradients of x and the four parameters. */
function learnedReference(
  { at, channels }: Places,
  [x, m, rho, bias, tau, e1, e2]: Numbers[],
  dy: Numbers,
) {
  const by = at.map((a) => a.channel);
  const s = at.map(({ channel: c, pair: p }) => Math.exp(m![c]! + Math.exp(rho![c]!) * e1![p]!));
  const offsets = at.map(({ channel: c, pair: p }) => Math.exp(tau![c]!) * e2![p]!);
  const byLog = s.map((scale, i) => scale * x![i]! * dy[i]!);
  return {
    y: at.map(({ channel: c }, i) => s[i]! * x![i]! + bias![c]! + offsets[i]!),
    grads: [
      s.map((scale, i) => scale * dy[i]!),
      sums(channels, by, byLog),
      sums(
        channels,
        by,
        at.map(({ channel: c, pair: p }, i) => byLog[i]! * Math.exp(rho![c]!) * e1![p]!),
      ),
      sums(channels, by, Array.from(dy)),
      sums(
        channels,
        by,
        offsets.map((t, i) => t * dy[i]!),
      ),
    ],
  };
}

const GRANULARITIES = ['batch', 'sample'] as const;
const LAYOUTS: Layout[] = GRANULARITIES.flatMap((granularity) => [
  { shape: [5, 3], axis: 1, granularity },
  { shape: [1, 1], axis: 1, granularity },
  { shape: [3, 4, 5, 8], axis: 3, granularity },
  { shape: [3, 6, 4, 5], axis: 1, granularity },
  { shape: [2, 3, 5, 4], axis: 2, granularity },
  { shape: [70, 2, 3], axis: 2, granularity },
  { shape: [300, 12], axis: 1, granularity },
]);
const TOLERANCE = { scaled: 2e-6, relative: 3e-6 };

/** What an op gives against what its definition does. */
function check(
  op: (...inputs: Tensor[]) => Tensor,
  inputs: Array64[],
  reference: { y: number[]; grads: number[][] },
  shape: number[],
  dy: Array64,
) {
  const { y, grads } = withGradients(op, inputs.map(tensor), tensor(dy));
  expect(y.shape).toEqual(shape);
  expectClose('y', y, reference.y, TOLERANCE);
  grads.forEach((grad, i) => {
    expect(grad.shape).toEqual(inputs[i]!.shape);
    expectClose(`gradient ${i}`, grad, reference.grads[i]!, TOLERANCE);
  });
}

const pairShape = ({ shape, axis, granularity }: Layout) =>
  granularity === 'sample' ? [shape[0]!, shape[axis]!] : [shape[axis]!];
const float = ({ shape, data }: Array64): Array64 => array64(shape, data.map(Math.fround));

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
      check(op as never, inputs, reference, shape, dy);
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
      check((t) => stochasticAffine(t!, options), [x], reference, [6, 4], dy);
    });
  });

  // Section 5.1: if x is normal, u ~ N(0, 1/n) and n / v^2 ~ chi2 of n - 1 degrees of freedom.
  test.each([
    [4, Number.NaN],
    [5, 1.4012],
    [8, 1.2036],
    [16, 1.0874],
    [32, 1.0414],
    [128, 1.0099],
  ])('the moments of u and v, n = %d: mean of v %d', (n, meanOfV) => {
    const count = 40_000;
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
      const [n, count] = [8, 20_000];
      const { mean, variance } = tf.moments(tensor(normal([n, count], 21)), 0);
      const drawn = batchNoisePairs(streamOf(digitsOf(5, 0)), count, n);
      const quantiles = (of: Numbers) => {
        const sorted = Float64Array.from(of).sort();
        return [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99].map((q) => sorted[Math.floor(q * count)]!);
      };
      const noise = { absolute: 0.02, relative: 0.05 };
      expectClose('u', quantiles(drawn.first), quantiles(values(mean)), noise);
      expectClose('v', quantiles(drawn.second), quantiles(values(tf.rsqrt(variance))), noise);
    });
  });
});

describe('bayesianAffine', () => {
  const parametersOf = (channels: number) => [
    normal([channels], 3, { deviation: 0.3 }),
    float(normal([channels], 4, { mean: -1, deviation: 0.3 })),
    normal([channels], 5),
    float(normal([channels], 6, { mean: -2, deviation: 0.3 })),
  ];

  test.each(LAYOUTS)('given noise, $shape, axis $axis, per $granularity', (layout) => {
    tf.tidy(() => {
      const { shape, axis, granularity } = layout;
      const places = placesOf(layout);
      const [x, dy] = [normal(shape, 1, { mean: 1 }), normal(shape, 2)];
      const noise = [normal(pairShape(layout), 7), normal(pairShape(layout), 8)];
      const inputs = [x, ...parametersOf(places.channels)];
      const all = [...inputs, ...noise].map(({ data }) => data);
      const reference = learnedReference(places, all, dy.data);
      const [scaleNoise, biasNoise] = noise.map(tensor);
      const op = (...[t, logScale, rhoScale, bias, rhoBias]: Tensor[]) =>
        bayesianAffine(t!, {
          logScale: logScale!,
          rhoScale: rhoScale!,
          bias: bias!,
          rhoBias: rhoBias!,
          scaleNoise,
          biasNoise,
          axis,
          granularity,
        });
      // tf.grads counts the arguments.
      const five = (a?: Tensor, b?: Tensor, c?: Tensor, d?: Tensor, e?: Tensor) =>
        op(a!, b!, c!, d!, e!);
      check(five as never, inputs, reference, shape, dy);
    });
  });

  test.each(LAYOUTS)('drawn noise, $shape, axis $axis, per $granularity', (layout) => {
    tf.tidy(() => {
      const { shape, axis, granularity } = layout;
      const places = placesOf(layout);
      const { first, second } = normalPairs(stream, places.pairs);
      const inputs = [normal(shape, 1), ...parametersOf(places.channels)].map(tensor);
      const dy = tensor(normal(shape, 2));
      const run = (noise: object) =>
        withGradients(
          ((t: Tensor, logScale: Tensor, rhoScale: Tensor, bias: Tensor, rhoBias: Tensor) =>
            bayesianAffine(t, {
              logScale,
              rhoScale,
              bias,
              rhoBias,
              axis,
              granularity,
              ...noise,
            })) as never,
          inputs,
          dy,
        );
      const drawn = run({ seed: SEED, stream: STREAM });
      const [scaleNoise, biasNoise] = [first, second].map((data) =>
        tf.tensor(data, pairShape(layout)),
      );
      const given = run({ scaleNoise, biasNoise });
      expectSameBits('y', drawn.y, given.y);
      drawn.grads.forEach((grad, i) => {
        expectSameBits(`gradient ${i}`, grad, given.grads[i]!);
      });
    });
  });
});

const four = () => ({
  logScale: tf.zeros([4]),
  rhoScale: tf.fill([4], -2),
  bias: tf.zeros([4]),
  rhoBias: tf.fill([4], -2),
});

describe.each([
  ['stochasticAffine', (x: Tensor, o: object) => stochasticAffine(x, { effectiveN: 8, ...o })],
  ['bayesianAffine', (x: Tensor, o: object) => bayesianAffine(x, { ...four(), ...o })],
] as [string, (x: Tensor, options: object) => Tensor][])('%s', (name, op) => {
  // quality.md C6 29.
  test('the same seed twice gives the same bits, another seed or step other ones', () => {
    tf.tidy(() => {
      const x = tensor(normal([5, 4], 1));
      const draw = (options: object) => op(x, options);
      for (const seed of [0, 1, -7, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
        const first = draw({ seed });
        expectSameBits('y', draw({ seed }), first);
        expectSameBits('y', draw({ seed, stream: 0 }), first);
        const others = [
          { seed, stream: 1 },
          { seed: seed === 3 ? 4 : 3 },
          { seed, stream: 2 ** 40 },
        ];
        for (const other of others) {
          expect(tf.equal(draw(other), first).sum().dataSync()[0]).toBe(0);
        }
      }
    });
  });

  test('without a seed every call draws anew', () => {
    tf.tidy(() => {
      const x = tensor(normal([5, 4], 1));
      expect(tf.equal(op(x, {}), op(x, {})).sum().dataSync()[0]).toBe(0);
    });
  });

  test('noise is of a channel, or of a sample and channel', () => {
    tf.tidy(() => {
      const x = tf.ones([3, 2, 4]);
      const distinct = (granularity: Granularity) =>
        new Set(Array.from(values(op(x, { seed: 1, granularity })))).size;
      expect([distinct('batch'), distinct('sample')]).toEqual([4, 12]);
    });
  });

  test.each([[[0, 4]], [[3, 0, 4]], [[3, 2, 0]]])('empty %j', (shape) => {
    tf.tidy(() => {
      const channels = shape.at(-1)!;
      for (const granularity of GRANULARITIES) {
        const parameter = tf.ones([channels]);
        const options =
          name === 'bayesianAffine'
            ? { logScale: parameter, rhoScale: parameter, bias: parameter, rhoBias: parameter }
            : {};
        const { y, grads } = withGradients(
          (x, weight) =>
            op(x!, {
              ...options,
              [name === 'bayesianAffine' ? 'logScale' : 'gamma']: weight,
              granularity,
            }),
          [tf.zeros(shape), parameter],
          tf.zeros(shape),
        );
        expect([y.shape, grads[0]!.shape]).toEqual([shape, shape]);
        expect(Array.from(values(grads[1]!))).toEqual(Array(channels).fill(0));
      }
    });
  });

  test('NaN and infinities stay where they are, but in sums of their channel', () => {
    tf.tidy(() => {
      const x = normal([6, 4], 1);
      x.data[5] = Number.NaN;
      x.data[10] = Number.POSITIVE_INFINITY;
      for (const granularity of GRANULARITIES) {
        const { y, grads } = withGradients(
          (t) => op(t!, { seed: 1, granularity }),
          [tensor(x)],
          tf.ones([6, 4]),
        );
        const finite = Array.from(values(y), Number.isFinite);
        expect(finite).toEqual(finite.map((_, i) => i !== 5 && i !== 10));
        expect(Array.from(values(grads[0]!)).every(Number.isFinite)).toBe(true);
      }
    });
  });

  test('leaves nothing behind', async () => {
    const x = tensor(normal([3, 4, 4], 6));
    op(x, {}).dispose();
    await expectNoLeak(() =>
      tf.tidy(() => {
        tf.grad((t: Tensor) => op(t, { granularity: 'sample' }))(x);
      }),
    );
    x.dispose();
  });

  test('backends tensorflow and cpu agree', async () => {
    const x = normal([7, 3, 4], 7);
    const run = () =>
      tf.tidy(() => {
        const options = { seed: 3, granularity: 'sample' };
        const { y, grads } = withGradients((t) => op(t!, options), [tensor(x)], tf.ones([7, 3, 4]));
        return [y, grads[0]!].map((t) => Float32Array.from(values(t)));
      });
    const here = run();
    const cpu = await onBackend('cpu', run);
    for (const i of [0, 1]) expectClose('y, dx', here[i]!, cpu[i]!, { absolute: 1e-6 });
  });

  (native ? test : test.skip)('one call forward, one backward; kernels', () => {
    const run = (granularity: Granularity) => {
      const [x, dy] = [tf.ones([16, 9, 4]), tf.ones([16, 9, 4])];
      norm.resetCounters();
      tf.tidy(() => {
        const parameter = tf.ones([4]);
        const given = name === 'bayesianAffine' ? 'logScale' : 'gamma';
        const call = (t: Tensor, weight: Tensor) =>
          op(t, { seed: 1, granularity, [given]: weight });
        tf.grads(call as never)([x, parameter], dy);
      });
      tf.dispose([x, dy]);
      const { opCalls, launches } = norm.counters();
      return { opCalls, launches };
    };
    const host = asked === 'host';
    expect(run('batch')).toEqual({ opCalls: 2, launches: host ? 0 : 5 });
    expect(run('sample')).toEqual({ opCalls: 2, launches: host ? 0 : 6 });
  });

  // Tensors are made inside of the tidy.
  const on = (options: () => object, x?: () => Tensor) => () =>
    tf.tidy(() => op(x?.() ?? tf.zeros([2, 3, 4]), options()));
  const says = (text: string) => new RegExp(`^${name}: ${text}`, 's');
  const own: [string, () => unknown, RegExp][] =
    name === 'stochasticAffine'
      ? [
          [
            'no effectiveN',
            on(() => ({ effectiveN: undefined })),
            says('effectiveN.*got undefined'),
          ],
          ['effectiveN 3', on(() => ({ effectiveN: 3 })), says('effectiveN.*got 3')],
          [
            'effectiveN 4.5',
            on(() => ({ effectiveN: 4.5 })),
            says('effectiveN.*integer from 4.*got 4.5'),
          ],
          ['effectiveN NaN', on(() => ({ effectiveN: Number.NaN })), says('effectiveN.*got NaN')],
          [
            'effectiveN Infinity',
            on(() => ({ effectiveN: Number.POSITIVE_INFINITY })),
            says('effectiveN.*got Infinity'),
          ],
          ["effectiveN '8'", on(() => ({ effectiveN: '8' })), says("effectiveN.*got '8'")],
          [
            'u and effectiveN',
            on(() => ({ u: tf.zeros([4]), v: tf.ones([4]) })),
            says('effectiveN.*beside u and v'),
          ],
          ['u alone', on(() => ({ effectiveN: undefined, u: tf.zeros([4]) })), says('v must be')],
          [
            'u per sample without granularity',
            on(() => ({ effectiveN: undefined, u: tf.zeros([2, 4]), v: tf.ones([2, 4]) })),
            says('u must have shape \\[4\\].*got \\[2,4\\]'),
          ],
          ['gamma of length 3', on(() => ({ gamma: tf.ones([3]) })), says('gamma.*\\[4\\]')],
        ]
      : [
          ['no logScale', on(() => ({ logScale: undefined })), says('logScale.*got undefined')],
          ['rhoBias of length 3', on(() => ({ rhoBias: tf.ones([3]) })), says('rhoBias.*\\[4\\]')],
          [
            'noise and seed',
            on(() => ({ scaleNoise: tf.zeros([4]), biasNoise: tf.zeros([4]), seed: 1 })),
            says('seed.*beside scaleNoise and biasNoise'),
          ],
        ];
  describeBadArguments({
    badArguments: [
      ...own,
      [
        "granularity 'pixel'",
        on(() => ({ granularity: 'pixel' })),
        says("granularity.*got 'pixel'"),
      ],
      ['seed 0.5', on(() => ({ seed: 0.5 })), says('seed.*integer.*got 0\\.5')],
      ['seed 2^53 + 1', on(() => ({ seed: 2 ** 53 + 1 })), says('seed.*integer.*got 9007')],
      ['stream -1', on(() => ({ seed: 1, stream: -1 })), says('stream.*got -1')],
      ['stream without seed', on(() => ({ stream: 1 })), says('stream.*without a seed')],
      ['axis 3', on(() => ({ axis: 3 })), says('axis.*got 3')],
      [
        'axis 0 per sample',
        on(() => ({ axis: 0, granularity: 'sample' })),
        says('axis.*batch axis'),
      ],
      [
        'x of rank 1',
        on(
          () => ({}),
          () => tf.zeros([4]),
        ),
        says('x must have rank 2'),
      ],
      [
        'x of int32',
        on(
          () => ({}),
          () => tf.zeros([2, 4], 'int32'),
        ),
        says('x must be a float32'),
      ],
    ],
  } as never);
});
