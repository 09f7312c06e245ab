import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal, sizeOf } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { describeBadArguments } from '../support/checks/badArguments';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, onBackend, tensor, withGradients } from '../support/tensors';

const ALPHA = 1.6732632423543772;
const LAMBDA = 1.0507009873554805;

const reference = (x: number, alpha = ALPHA, lambda = LAMBDA) =>
  x > 0 ? lambda * x : lambda * alpha * Math.expm1(x);
const slope = (x: number, alpha = ALPHA, lambda = LAMBDA) =>
  x > 0 ? lambda : lambda * alpha * Math.exp(x);

const SHAPES = [[], [1], [5], [33], [4, 6], [3, 5, 4, 6], [2, 3, 2, 3, 7], [1021], [70_001]];

describe('selu', () => {
  test.each(SHAPES.map((shape) => [shape]))('of shape [%j], and its gradient', (shape) => {
    tf.tidy(() => {
      const x = normal(shape, 1, { deviation: 2 });
      const dy = normal(shape, 2);
      const { y, grads } = withGradients((t) => norm.ops.selu(t!), [tensor(x)], tensor(dy));
      expect(y.shape).toEqual(shape);
      expectClose(
        'y',
        y,
        x.data.map((v) => reference(v)),
        { absolute: 2e-7, relative: 3e-7 },
      );
      const want = x.data.map((v, i) => dy.data[i]! * slope(v));
      expectClose('dx', grads[0]!, want, { absolute: 1e-6, relative: 1e-6 });
    });
  });

  test('agrees with the stock op, its gradient at 0 included', () => {
    tf.tidy(() => {
      const x = tf.concat([tensor(normal([1000], 3)), tf.tensor1d([0, -0])]);
      const dy = tensor(normal([1002], 4));
      const stock = withGradients((t) => tf.selu(t!), [x], dy);
      const ours = withGradients((t) => norm.ops.selu(t!), [x], dy);
      expectClose('y', ours.y, stock.y, { absolute: 5e-7 });
      expectClose('dx', ours.grads[0]!, stock.grads[0]!, { absolute: 1e-6 });
    });
  });

  test('with other parameters', () => {
    tf.tidy(() => {
      const parameters = { alpha: 0.75, lambda: 2.5 };
      const x = normal([200], 5);
      const op = (t?: Tensor) => norm.ops.selu(t!, parameters);
      const { y, grads } = withGradients(op, [tensor(x)], tf.ones([200]));
      const { alpha, lambda } = parameters;
      expectClose(
        'y',
        y,
        x.data.map((v) => reference(v, alpha, lambda)),
      );
      expectClose(
        'dx',
        grads[0]!,
        x.data.map((v) => slope(v, alpha, lambda)),
      );
    });
  });

  test('keeps the digits of small values', () => {
    tf.tidy(() => {
      const x = Float32Array.from([1e-3, 1e-5, 1e-8, 1e-20, -1e-3, -1e-5, -1e-8, -1e-20, -1e-37]);
      const y = norm.ops.selu(tf.tensor1d(x));
      expectClose(
        'y',
        y,
        Array.from(x, (v) => reference(v)),
        { relative: 4e-7 },
      );
    });
  });

  test('infinities and NaN', () => {
    tf.tidy(() => {
      const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
      const x = tf.tensor1d([infinity, -infinity, nan, -1e30, 1, -0]);
      const { y, grads } = withGradients((t) => norm.ops.selu(t!), [x], tf.ones([6]));
      const floor = -Math.fround(ALPHA * LAMBDA);
      expect(Array.from(values(y), (v) => v + 0)).toEqual([
        infinity,
        floor,
        nan,
        floor,
        Math.fround(LAMBDA),
        0,
      ]);
      const dx = values(grads[0]!);
      expect([dx[1], dx[3]]).toEqual([0, 0]);
      expect(dx[2]).toBeNaN();
      expectClose('dx', [dx[0]!, dx[4]!, dx[5]!], [LAMBDA, LAMBDA, ALPHA * LAMBDA]);
    });
  });

  test.each([[[0]], [[4, 0, 6]]])('empty %j', (shape) => {
    tf.tidy(() => {
      const { y, grads } = withGradients(
        (t) => norm.ops.selu(t!),
        [tf.zeros(shape)],
        tf.zeros(shape),
      );
      expect([y.shape, grads[0]!.shape]).toEqual([shape, shape]);
    });
  });

  test('equal calls give equal bits', () => {
    tf.tidy(() => {
      const [x, dy] = [tensor(normal([5000], 6)), tensor(normal([5000], 7))];
      const run = () => withGradients((t) => norm.ops.selu(t!), [x], dy);
      const [first, second] = [run(), run()];
      expectSameBits('y', second.y, first.y);
      expectSameBits('dx', second.grads[0]!, first.grads[0]!);
    });
  });

  test('leaves nothing behind, and makes one tensor', async () => {
    await expectNoLeak(() => {
      const x = tensor(normal([50], 8));
      const before = tf.memory().numTensors;
      const y = norm.ops.selu(x);
      expect(tf.memory().numTensors).toBe(before + 1);
      tf.dispose([x, y, tf.grad((t: Tensor) => norm.ops.selu(t))(x)]);
    });
  });

  test('backends tensorflow and cpu agree', async () => {
    const x = normal([300], 9);
    const run = () =>
      tf.tidy(() => {
        const { y, grads } = withGradients((t) => norm.ops.selu(t!), [tensor(x)], tf.ones([300]));
        return [y, grads[0]!].map((t) => Float32Array.from(values(t)));
      });
    const here = run();
    const cpu = await onBackend('cpu', run);
    for (const i of [0, 1]) expectClose('y, dx', here[i]!, cpu[i]!, { absolute: 1e-6 });
  });

  (native ? test : test.skip)('one call, one launch, no memory but the output', () => {
    const shape = [16, 33, 65];
    const x = tf.ones(shape);
    norm.resetCounters();
    tf.dispose(norm.ops.selu(x));
    const { opCalls, launches, outputBytes, tempBytes } = norm.counters();
    expect({ opCalls, outputBytes, tempBytes }).toEqual({
      opCalls: 1,
      outputBytes: 4 * sizeOf(shape),
      tempBytes: 0,
    });
    expect(launches).toBe(asked === 'host' ? 0 : 1);
    x.dispose();
  });

  const bad =
    (options: unknown, x: unknown = tf.zeros) =>
    () =>
      tf.tidy(() => norm.ops.selu(x === tf.zeros ? tf.zeros([3]) : (x as never), options as never));
  describeBadArguments({
    badArguments: [
      ['alpha 0', bad({ alpha: 0 }), /^selu: alpha.*got 0/],
      ['alpha NaN', bad({ alpha: Number.NaN }), /^selu: alpha.*got NaN/],
      ['alpha 1e-46', bad({ alpha: 1e-46 }), /^selu: alpha.*got 1e-46/],
      ["alpha 'a'", bad({ alpha: 'a' }), /^selu: alpha.*got 'a'/],
      ['lambda -1', bad({ lambda: -1 }), /^selu: lambda.*got -1/],
      ['lambda 1e39', bad({ lambda: 1e39 }), /^selu: lambda.*got 1e\+39/],
      ['a product that is too large', bad({ alpha: 1e20, lambda: 1e20 }), /^selu: alpha \* lambda/],
      ['options 3', bad(3), /^selu: options.*got 3/],
      ['an int32 tensor', bad({}, tf.ones([2], 'int32')), /^selu: x.*float32.*int32/],
      ['null', bad({}, null), /^selu: x.*got null/],
    ],
  } as never);
});
