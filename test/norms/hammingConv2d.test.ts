/** Convolutions by generalized Hamming distances. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, values } from '../support/expectClose';
import { distances } from '../support/hammingReference';
import { tensor, withGradients } from '../support/tensors';

const { hammingConv2d } = norm.ops;

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

test.each<[RegExp, () => unknown]>([
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
])('refuses: %s', (message, call) => {
  tf.tidy(() => expect(() => void call()).toThrow(message));
});
