/** Dense products by generalized Hamming distances. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, values } from '../support/expectClose';
import { distances } from '../support/hammingReference';
import { expectNoLeak, tensor, withGradients } from '../support/tensors';

const { hammingDense } = norm.ops;

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
])('refuses: %s', (message, call) => {
  tf.tidy(() => expect(() => void call()).toThrow(message));
});
