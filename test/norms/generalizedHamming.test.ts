/** What follows the products: the epilogue. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { hammingElement } from '../support/hammingReference';
import { tensor, withGradients } from '../support/tensors';

const { hammingEpilogue } = norm.ops;
const OUTPUTS = ['distance', 'similarity', 'centered', 'raw'] as const;
const THRESHOLDS = ['none', 'relu', 'double', 'soft'] as const;
const ALPHA = 3;

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
    const radius = r.data[i % channels]!;
    return hammingElement(v, { taps: count, r: radius, output, threshold, alpha: ALPHA });
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

test.each<[RegExp, () => unknown]>([
  [/^hammingEpilogue: taps must/, () => hammingEpilogue(tf.ones([2, 3, 4]), { taps: [1, 2] })],
  [/^hammingEpilogue: acc must have rank 2/, () => hammingEpilogue(tf.ones([3]), { taps: 1 })],
])('refuses: %s', (message, call) => {
  tf.tidy(() => expect(() => void call()).toThrow(message));
});
