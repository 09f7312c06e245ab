/** Spectral normalization: the function. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, tensor, withGradients } from '../support/tensors';

const { spectralNorm } = norm.ops;
const U = [0.5, -0.25, 1];

/** By the definition, in double, of a matrix [rows, columns]. */
function reference(w: Float64Array, columns: number, u0: number[], iterations: number) {
  const rows = w.length / columns;
  const unit = (x: number[]) => {
    const length = Math.hypot(...x);
    return x.map((v) => v / length);
  };
  const of = (u: number[]) =>
    Array.from({ length: rows }, (_, r) =>
      u.reduce((sum, v, c) => sum + w[r * columns + c]! * v, 0),
    );
  const back = (v: number[]) =>
    Array.from({ length: columns }, (_, c) =>
      v.reduce((sum, x, r) => sum + w[r * columns + c]! * x, 0),
    );
  let u = u0;
  let v = unit(of(u));
  for (let i = 0; i < iterations; i++) {
    if (i > 0) v = unit(of(u));
    u = unit(back(v));
  }
  const sigma = of(u).reduce((sum, x, r) => sum + x * v[r]!, 0);
  return { u, v, sigma, y: Array.from(w, (x) => x / sigma) };
}

test.each([
  [[7, 3], 1],
  [[7, 3], 4],
  [[2, 2, 4, 3], 2],
  [[1, 3], 1],
])('kernel %j, %d iterations: values and gradient', (shape, iterations) => {
  tf.tidy(() => {
    const kernel = normal(shape, 1);
    const dy = normal(shape, 2);
    const want = reference(kernel.data, 3, U, iterations);
    const result = spectralNorm(tensor(kernel), { u: U, iterations });
    const tolerance = { absolute: 2e-6, relative: 2e-6 };
    expectClose('y', result.y, want.y, tolerance);
    expectClose('u', result.u, want.u, tolerance);
    expectClose('v', result.v, want.v, tolerance);
    expectClose('sigma', result.sigma, [want.sigma], tolerance);
    const op = (w?: Tensor) => spectralNorm(w!, { u: U, iterations }).y;
    const { grads } = withGradients(op, [tensor(kernel)], tensor(dy));
    const along = want.y.reduce((sum, v, i) => sum + v * dy.data[i]!, 0);
    const dkernel = want.y.map((_, i) => {
      const outer = want.v[Math.floor(i / 3)]! * want.u[i % 3]!;
      return (dy.data[i]! - along * outer) / want.sigma;
    });
    expectClose('dkernel', grads[0]!, dkernel, { absolute: 3e-6, relative: 3e-6 });
  });
});

test('iterations lead to the largest singular value', () => {
  tf.tidy(() => {
    // Singular values 3, 2 and 0.5, turned by orthogonal matrices.
    const turn = (angle: number) => {
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      return tf.tensor2d([c, -s, 0, s, c, 0, 0, 0, 1], [3, 3]);
    };
    const w = turn(0.7)
      .dot(tf.diag(tf.tensor1d([2, 3, 0.5])))
      .dot(turn(-0.4)) as Tensor;
    const once = spectralNorm(w, { u: U });
    expect(once.sigma.dataSync()[0]).toBeLessThan(2.9);
    const many = spectralNorm(w, { u: U, iterations: 60 });
    expectClose('sigma', many.sigma, [3], { relative: 1e-6 });
    // The same from call to call.
    let u: Tensor = tf.tensor1d(U);
    for (let i = 0; i < 60; i++) u = spectralNorm(w, { u }).u;
    expectClose('u', u, many.u, { absolute: 1e-6 });
    expectSameBits('y', spectralNorm(w, { u: U }).y, once.y);
  });
});

test('without iterations u stays, and v is that of u unless given', () => {
  tf.tidy(() => {
    const w = tensor(normal([4, 3], 1));
    const found = spectralNorm(w, { u: U, iterations: 5 });
    const again = spectralNorm(w, { u: found.u, iterations: 0 });
    expectSameBits('u', again.u, found.u);
    expectClose('sigma', again.sigma, tf.norm(w.dot(found.u) as Tensor), { relative: 1e-6 });
    const given = spectralNorm(w, { u: U, v: [1, 0, 0, 0], iterations: 0 });
    expectClose('sigma', given.sigma, w.dot(tf.tensor1d(U)).slice([0], [1]) as Tensor);
  });
});

test('a kernel of zeros stays one, and learns; u outlives it', () => {
  tf.tidy(() => {
    const zeros = tf.zeros([4, 3]);
    const dy = tensor(normal([4, 3], 2));
    const { y, u, sigma } = spectralNorm(zeros, { u: U, iterations: 3 });
    expectSameBits('y', y, zeros);
    expect(Array.from(values(u))).toEqual(U);
    expect(sigma.dataSync()[0]).toBe(0);
    const { grads } = withGradients((w) => spectralNorm(w!, { u: U }).y, [zeros], dy);
    expectSameBits('dkernel', grads[0]!, dy);
  });
});

test('a NaN makes everything one', () => {
  tf.tidy(() => {
    const kernel = normal([4, 3], 1);
    kernel.data[5] = Number.NaN;
    const { y } = spectralNorm(tensor(array64([4, 3], [...kernel.data])), { u: U });
    expect(Array.from(values(y)).every(Number.isNaN)).toBe(true);
  });
});

test('leaves nothing behind', async () => {
  await expectNoLeak(() => {
    const w = tensor(normal([4, 3], 1));
    const result = spectralNorm(w, { u: U, iterations: 2 });
    const grad = tf.grad((of: Tensor) => spectralNorm(of, { u: U }).y)(w);
    tf.dispose([w, result as never, grad]);
  });
});

test.each<[RegExp, () => unknown]>([
  [/kernel must have rank 2 or more/, () => spectralNorm(tf.ones([3]), { u: U })],
  [/kernel must have rank 2 or more, and elements/, () => spectralNorm(tf.ones([0, 3]), { u: U })],
  [/u must have shape \[2\]/, () => spectralNorm(tf.ones([3, 2]), { u: U })],
  [/u must be a float32 tensor/, () => spectralNorm(tf.ones([3, 2]), {} as never)],
  [/iterations.*got -1/, () => spectralNorm(tf.ones([3, 3]), { u: U, iterations: -1 })],
  [/iterations.*got 0.5/, () => spectralNorm(tf.ones([3, 3]), { u: U, iterations: 0.5 })],
  [/epsilon.*got 0/, () => spectralNorm(tf.ones([3, 3]), { u: U, epsilon: 0 })],
  [/v must not be given/, () => spectralNorm(tf.ones([3, 3]), { u: U, v: U })],
  [/v must have/, () => spectralNorm(tf.ones([4, 3]), { u: U, v: U, iterations: 0 })],
])('refuses: %s', (message, call) => {
  tf.tidy(() => expect(() => void call()).toThrow(message));
});
