import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, tensor, withGradients } from '../support/tensors';

const { hammingConv2d, hammingDense, hammingEpilogue } = norm.ops;
const OUTPUTS = ['distance', 'similarity', 'centered', 'raw'] as const;
const THRESHOLDS = ['none', 'relu', 'double', 'soft'] as const;
const ALPHA = 3;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** y and its derivatives by acc and r, of one value. */
function reference(acc: number, taps: number, r: number, output: string, threshold: string) {
  const c = (2 * acc) / taps;
  const [below, above] = [sigmoid(ALPHA * (-c - r)), sigmoid(ALPHA * (c - r))];
  const [falls, rises] = [below * (1 - below), above * (1 - above)];
  const passed = { none: true, relu: c > 0, double: Math.abs(c) > r, soft: true }[threshold]!;
  const t = threshold === 'soft' ? c * (below + above) : passed ? c : 0;
  const soft = below + above + ALPHA * c * (rises - falls);
  const byC = threshold === 'soft' ? soft : Number(passed);
  const factor = { distance: -1, similarity: 1, centered: 1, raw: taps / 2 }[output]!;
  const y = { distance: 0.5 - t, similarity: t - 0.5, centered: t, raw: (taps / 2) * (t - 0.5) };
  return {
    y: y[output as keyof typeof y],
    byAcc: (factor * byC * 2) / taps,
    byR: threshold === 'soft' ? -factor * ALPHA * c * (falls + rises) : 0,
  };
}

function checkEpilogue(
  shape: number[],
  taps: number | number[],
  output: string,
  threshold: string,
) {
  const acc = normal(shape, 1, { deviation: 4 });
  const dy = normal(shape, 2);
  const channels = shape.at(-1)!;
  const r: Array64 = { ...normal([channels], 3) };
  for (let i = 0; i < channels; ++i) r.data[i] = Math.fround(0.1 + Math.abs(r.data[i]!));
  const places = shape.slice(1, -1).reduce((a, b) => a * b, 1);
  const at = Array.from(acc.data, (v, i) => {
    const place = Math.floor(i / channels) % places;
    const count = Array.isArray(taps) ? taps[place]! : taps;
    return reference(v, count, r.data[i % channels]!, output, threshold);
  });
  const dr = Array<number>(channels).fill(0);
  at.forEach(({ byR }, i) => {
    dr[i % channels]! += byR * dy.data[i]!;
  });
  tf.tidy(() => {
    const op = (x?: Tensor, radius?: Tensor) =>
      hammingEpilogue(x!, { taps, output, threshold, r: radius, alpha: ALPHA } as never);
    const inputs =
      threshold === 'double' || threshold === 'soft' ? [tensor(acc), tensor(r)] : [tensor(acc)];
    const { y, grads } = withGradients(op, inputs, tensor(dy));
    const tolerance = { absolute: 3e-6, relative: 3e-6 };
    expectClose(
      'y',
      y,
      at.map((v) => v.y),
      tolerance,
    );
    expectClose(
      'dacc',
      grads[0]!,
      at.map((v, i) => v.byAcc * dy.data[i]!),
      tolerance,
    );
    if (grads[1]) expectClose('dr', grads[1], dr, { absolute: 1e-4, relative: 1e-5 });
  });
}

describe('hammingEpilogue', () => {
  const choices = OUTPUTS.flatMap((output) => THRESHOLDS.map((t) => [output, t] as const));
  test.each(choices)('%s, %s', (output, threshold) => {
    for (const shape of [
      [1, 1],
      [7, 33],
      [3, 5, 4, 8],
      [600, 24],
    ]) {
      checkEpilogue(shape, 9, output, threshold);
    }
    const taps = [4, 6, 9, 6, 4, 9];
    checkEpilogue([5, 2, 3, 4], taps, output, threshold);
    checkEpilogue([70, 3, 2, 7], taps, output, threshold);
  });

  test('r = 0 is the identity, at 0 too; the ends of a zone are in it', () => {
    tf.tidy(() => {
      const acc = tf.tensor2d([[0, -0.5, 0.5, 1e-20, 2]]);
      const run = (options: object) =>
        withGradients(
          (x) => hammingEpilogue(x!, { taps: 2, output: 'centered', ...options }),
          [acc],
          tf.ones([1, 5]),
        );
      const identity = run({ threshold: 'double', r: 0 });
      expectSameBits('y', identity.y, acc);
      expect(Array.from(values(identity.grads[0]!))).toEqual([1, 1, 1, 1, 1]);
      const zone = run({ threshold: 'double', r: 0.5 });
      expect(Array.from(values(zone.y)).map((v) => v + 0)).toEqual([0, 0, 0, 0, 2]);
      expect(Array.from(values(zone.grads[0]!)).map((v) => v + 0)).toEqual([0, 0, 0, 0, 1]);
      const relu = run({ threshold: 'relu' });
      expect(Array.from(values(relu.grads[0]!)).map((v) => v + 0)).toEqual([0, 0, 1, 1, 1]);
    });
  });

  test.each(THRESHOLDS)('a NaN stays one, alone; infinities: %s', (threshold) => {
    tf.tidy(() => {
      const acc = tf.tensor2d([
        [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3],
      ]);
      const options = { taps: 4, output: 'centered', threshold, r: 0.25, alpha: 2 } as const;
      const op = (x?: Tensor) => hammingEpilogue(x!, options);
      const { y, grads } = withGradients(op, [acc], tf.ones([1, 4]));
      const [nan, up, down] = Array.from(values(y));
      expect(nan).toBeNaN();
      expect(up).toBe(Number.POSITIVE_INFINITY);
      expect(down! + 0).toBe(threshold === 'relu' ? 0 : Number.NEGATIVE_INFINITY);
      expect(Array.from(values(grads[0]!)).slice(1).every(Number.isFinite)).toBe(true);
    });
  });

  test('equal calls give equal bits', () => {
    tf.tidy(() => {
      const [acc, dy, r] = [normal([900, 24], 6), normal([900, 24], 7), normal([24], 8)].map(
        tensor,
      );
      const op = (x?: Tensor, radius?: Tensor) =>
        hammingEpilogue(x!, { taps: 9, threshold: 'soft', r: radius! });
      const [first, second] = [0, 1].map(() => withGradients(op, [acc!, r!], dy!));
      expectSameBits('y', second!.y, first!.y);
      expectSameBits('dacc', second!.grads[0]!, first!.grads[0]!);
      expectSameBits('dr', second!.grads[1]!, first!.grads[1]!);
    });
  });

  (native ? test : test.skip)('one call forward, one backward', () => {
    tf.tidy(() => {
      const acc = tf.ones([4, 6]);
      norm.resetCounters();
      const op = (x?: Tensor) => hammingEpilogue(x!, { taps: 9, threshold: 'relu' });
      tf.grad((x) => op(x))(acc);
      expect(norm.counters().opCalls).toBe(2);
    });
  });
});

/** The definition, by every tap; a tap outside of x is what the mode says. */
function distances(
  x: Array64,
  kernel: Array64,
  stride: number,
  dilation: number,
  mode: string | null,
) {
  const [batch, height, width, inputs] = x.shape as [number, number, number, number];
  const [rows, columns, , filters] = kernel.shape as [number, number, number, number];
  const along = (input: number, taps: number) => {
    const reach = (taps - 1) * dilation + 1;
    if (!mode) return { outputs: Math.floor((input - reach) / stride) + 1, before: 0 };
    const outputs = Math.ceil(input / stride);
    return { outputs, before: Math.floor(Math.max(0, (outputs - 1) * stride + reach - input) / 2) };
  };
  const [down, across] = [along(height, rows), along(width, columns)];
  const y: number[] = [];
  for (let n = 0; n < batch; ++n)
    for (let i = 0; i < down.outputs; ++i)
      for (let j = 0; j < across.outputs; ++j)
        for (let o = 0; o < filters; ++o) {
          let [sum, taps] = [0, 0];
          for (let k = 0; k < rows; ++k)
            for (let l = 0; l < columns; ++l)
              for (let c = 0; c < inputs; ++c) {
                const at = [
                  i * stride - down.before + k * dilation,
                  j * stride - across.before + l * dilation,
                ];
                const inside = at[0]! >= 0 && at[0]! < height && at[1]! >= 0 && at[1]! < width;
                if (!inside && mode === 'count') continue;
                const a = inside
                  ? x.data[((n * height + at[0]!) * width + at[1]!) * inputs + c]!
                  : mode === 'neutral'
                    ? 0.5
                    : 0;
                const b = kernel.data[((k * columns + l) * inputs + c) * filters + o]!;
                sum += a + b - 2 * a * b;
                ++taps;
              }
          y.push(taps ? sum / taps : 0.5);
        }
  return y;
}

describe('hammingConv2d', () => {
  const cases = [1, 2].flatMap((stride) =>
    [1, 2, 3]
      .filter((dilation) => stride === 1 || dilation === 1)
      .flatMap((dilation) =>
        [null, 'zero', 'neutral', 'count'].map((mode) => [stride, dilation, mode] as const),
      ),
  );
  test.each(cases)('strides %d, dilation %d, padding %s', (strides, dilationRate, mode) => {
    tf.tidy(() => {
      const x = normal([2, 8, 7, 3], 1, { mean: 0.5, deviation: 0.5 });
      const kernel = normal([2, 3, 3, 5], 2, { mean: 0.5, deviation: 0.5 });
      const options = {
        strides,
        dilationRate,
        padding: mode ? 'same' : 'valid',
        ...(mode ? { padMode: mode } : {}),
      } as never;
      const op = (a?: Tensor, b?: Tensor) =>
        hammingConv2d(a as never, b as never, options) as Tensor;
      const y = op(tensor(x), tensor(kernel));
      const want = distances(x, kernel, strides, dilationRate, mode);
      expectClose('y', y, want, { absolute: 2e-6, relative: 2e-6 });
      // The slope along a direction is that of the definition, which is linear in x and in the kernel.
      const dy = normal(y.shape, 3);
      const { grads } = withGradients(op, [tensor(x), tensor(kernel)], tensor(dy));
      for (const [i, of] of [x, kernel].entries()) {
        const direction = normal(of.shape, 4);
        const moved = (by: number) => ({
          ...of,
          data: of.data.map((v, e) => v + by * direction.data[e]!),
        });
        const loss = (by: number) => {
          const [a, b] = i === 0 ? [moved(by), kernel] : [x, moved(by)];
          const out = distances(a, b, strides, dilationRate, mode);
          return out.reduce((sum, v, e) => sum + v * dy.data[e]!, 0);
        };
        const slope = (loss(1) - loss(-1)) / 2;
        const grad = values(grads[i]!);
        const got = Array.from(grad).reduce((sum, v, e) => sum + v * direction.data[e]!, 0);
        expectClose(i ? 'dkernel' : 'dx', [got], [slope], { absolute: 1e-4, relative: 1e-5 });
      }
    });
  });

  test('no samples', () => {
    tf.tidy(() => {
      const op = (x?: Tensor, kernel?: Tensor) =>
        hammingConv2d(x as never, kernel as never, {
          padding: 'same',
          threshold: 'soft',
        }) as Tensor;
      const y = op(tf.zeros([0, 5, 5, 2]), tf.ones([3, 3, 2, 4]));
      expect(y.shape).toEqual([0, 5, 5, 4]);
    });
  });
});

describe('hammingDense', () => {
  test('on tensors of rank 3, and with one input', () => {
    tf.tidy(() => {
      const x = normal([2, 3, 4], 1);
      const kernel = normal([4, 5], 2);
      const want = distances(
        { ...x, shape: [6, 1, 1, 4] },
        { ...kernel, shape: [1, 1, 4, 5] },
        1,
        1,
        null,
      );
      const y = hammingDense(tensor(x), tensor(kernel));
      expect(y.shape).toEqual([2, 3, 5]);
      expectClose('y', y, want, { absolute: 2e-6, relative: 2e-6 });
      const one = hammingDense(tf.tensor2d([[0], [1]]), tf.tensor2d([[0, 1]]));
      expect(Array.from(values(one))).toEqual([0, 1, 1, 0]);
    });
  });

  test('1/2 absorbs: no gradient through it', () => {
    tf.tidy(() => {
      const op = (x?: Tensor, kernel?: Tensor) => hammingDense(x!, kernel!);
      const inputs = [tensor(normal([3, 4], 1)), tf.fill([4, 2], 0.5)];
      const { y, grads } = withGradients(op, inputs, tf.ones([3, 2]));
      expect(Array.from(values(y))).toEqual(Array(6).fill(0.5));
      expect(Array.from(values(grads[0]!)).map((v) => v + 0)).toEqual(Array(12).fill(0));
    });
  });

  test('no samples', () => {
    tf.tidy(() => {
      const op = (x?: Tensor, kernel?: Tensor) => hammingDense(x!, kernel!, { threshold: 'relu' });
      const inputs = [tf.zeros([0, 4]), tf.ones([4, 2])];
      const { y, grads } = withGradients(op, inputs, tf.zeros([0, 2]));
      expect(y.shape).toEqual([0, 2]);
      expect(Array.from(values(grads[1]!)).map((v) => v + 0)).toEqual(Array(8).fill(0));
    });
  });

  test('leaves nothing behind', async () => {
    await expectNoLeak(() => {
      const [x, kernel] = [tf.ones([3, 4]), tf.ones([4, 2])];
      const call = (a: Tensor) => hammingDense(a, kernel, { threshold: 'soft', r: 0.25 });
      tf.dispose([x, kernel, call(x), tf.grad(call)(x)]);
    });
  });
});

test.each<[RegExp, () => unknown]>([
  [
    /^hammingDense: kernel must have shape \[4, units\]/,
    () => hammingDense(tf.ones([3, 4]), tf.ones([3, 4])),
  ],
  [/^hammingDense: x must have rank 2 or more/, () => hammingDense(tf.ones([3]), tf.ones([3, 4]))],
  [
    /^hammingDense: output must be/,
    () => hammingDense(tf.ones([3, 4]), tf.ones([4, 2]), { output: 'x' as never }),
  ],
  [
    /^hammingDense: r must.*got -1/,
    () => hammingDense(tf.ones([3, 4]), tf.ones([4, 2]), { threshold: 'double', r: -1 }),
  ],
  [
    /^hammingDense: r must have shape \[2\]/,
    () => hammingDense(tf.ones([3, 4]), tf.ones([4, 2]), { threshold: 'soft', r: tf.ones([3]) }),
  ],
  [
    /^hammingDense: alpha.*got 0/,
    () => hammingDense(tf.ones([3, 4]), tf.ones([4, 2]), { alpha: 0 }),
  ],
  [
    /^hammingConv2d: kernel must/,
    () => hammingConv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 1, 2])),
  ],
  [
    /^hammingConv2d: strides must/,
    () => hammingConv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 2]), { strides: 0 }),
  ],
  [
    /^hammingConv2d: dilationRate must be 1/,
    () =>
      hammingConv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 2]), { strides: 2, dilationRate: 2 }),
  ],
  [
    /^hammingConv2d: x must be as large as the kernel/,
    () => hammingConv2d(tf.ones([1, 2, 4, 2]), tf.ones([3, 3, 2, 2])),
  ],
  [
    /^hammingConv2d: padMode must/,
    () => hammingConv2d(tf.ones([1, 4, 4, 2]), tf.ones([3, 3, 2, 2]), { padMode: 'x' as never }),
  ],
  [/^hammingEpilogue: taps must/, () => hammingEpilogue(tf.ones([2, 3, 4]), { taps: [1, 2] })],
  [/^hammingEpilogue: acc must have rank 2/, () => hammingEpilogue(tf.ones([3]), { taps: 1 })],
])('refuses: %s', (message, call) => {
  tf.tidy(() => expect(() => void call()).toThrow(message));
});
