/** What generalized Hamming distances are, and what becomes of networks of them. */
import type { layers, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, values } from '../support/expectClose';
import { disposeLayer, tensor, withGradients } from '../support/tensors';

const { hammingDense } = norm.layers;
const { hamming } = norm.initializers;
type Layer = layers.Layer;

const list = (of: Tensor) => Array.from(values(of), (v) => v + 0);
const inputs = (shape: number[], seed = 1) =>
  tensor(normal(shape, seed, { mean: 0.5, deviation: 0.5 }));

describe('the distance', () => {
  /** h(a, b), by the op with one input and one unit. */
  const h = (a: number, b: number) =>
    values(norm.ops.hammingDense(tf.tensor2d([[a]]), tf.tensor2d([[b]])))[0]!;

  test('is exclusive or on {0, 1}, and a group with identity 0 and inverse a / (2a - 1)', () => {
    tf.tidy(() => {
      for (const a of [0, 1]) for (const b of [0, 1]) expect(h(a, b)).toBe(a ^ b);
      for (const a of [-1.5, -0.25, 0.25, 0.75, 3]) {
        expect(h(a, 0)).toBe(a);
        expect(h(1, a)).toBe(1 - a);
        expect(h(0.5, a)).toBe(0.5);
        expect(h(a, a / (2 * a - 1))).toBeCloseTo(0, 6);
        for (const b of [-2, 0.125, 1.25]) {
          expect(h(a, b)).toBe(h(b, a));
          expect(h(h(a, b), 0.375)).toBeCloseTo(h(a, h(b, 0.375)), 5);
        }
      }
    });
  });

  test('has the bias -(sum x + sum w) / 2', () => {
    tf.tidy(() => {
      const [x, w] = [inputs([5, 12]), inputs([12, 7], 2)];
      const bias = x.sum(1, true).add(w.sum(0, true)).div(-2);
      const raw = norm.ops.hammingDense(x, w, { output: 'raw' });
      expectClose('raw', raw, x.dot(w).add(bias) as Tensor, { absolute: 5e-6 });
      const similarity = norm.ops.hammingDense(x, w, { output: 'similarity' });
      expectClose('similarity', similarity, raw.mul(2 / 12) as Tensor, { absolute: 1e-6 });
    });
  });
});

describe('at the start', () => {
  const L = 128;
  /** Values of the units of a layer, one list each, for inputs evenly distributed in [0, 1]. */
  function unitsOf(kernelInitializer: ReturnType<typeof tf.initializers.zeros>): number[][] {
    return tf.tidy(() => {
      const x = tf.randomUniform([1000, L], 0, 1, 'float32', 7);
      const y = norm.ops.hammingDense(x, kernelInitializer.apply([L, L]));
      return y.transpose().arraySync() as number[][];
    });
  }
  const mean = (of: number[]) => of.reduce((sum, v) => sum + v, 0) / of.length;
  const covariance = (a: number[], b: number[]) => {
    const [ma, mb] = [mean(a), mean(b)];
    return mean(a.map((v, i) => (v - ma) * (b[i]! - mb)));
  };
  /** Of units 0 and 1, 2 and 3 and so on. */
  const correlationOf = (units: number[][]) =>
    mean(
      units.flatMap((a, i) => {
        const b = units[i + 1];
        if (i % 2 === 1 || !b) return [];
        return covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b));
      }),
    );

  // c = (2/L) sum (x - 1/2) (w - 1/2), with w of mean m and variance v: units share the part of m - 1/2, which is
  // (m - 1/2)^2 / ((m - 1/2)^2 + v) of the variance.
  test('units of weights around 0 are nearly the same one: correlation 0.970', () => {
    const glorot = correlationOf(unitsOf(norm.initializers.glorotNormal({ seed: 1 })));
    expect(Math.abs(glorot - 1 / (1 + 4 / L))).toBeLessThan(0.003);
  });

  test('those of the initializer differ: correlation 0, and 0.5 for mean 0', () => {
    expect(Math.abs(correlationOf(unitsOf(hamming({ seed: 1 }))))).toBeLessThan(0.03);
    const around0 = correlationOf(unitsOf(hamming({ mean: 0, seed: 1 })));
    expect(Math.abs(around0 - 0.5)).toBeLessThan(0.03);
  });

  // Which is why such networks want Adam.
  test('a layer divides the deviation of its inputs by sqrt(L)', () => {
    const units = unitsOf(hamming({ seed: 2 }));
    const variance = mean(units.map((of) => covariance(of, of)));
    expect(variance / (1 / 12 / L)).toBeCloseTo(1, 1);
  });
});

describe('at exactly 1/2', () => {
  const fuzzy = { kernelInitializer: tf.initializers.constant({ value: 0.5 }) };
  const gradientsOf = (all: Layer[], x: Tensor) => {
    const call = () => all.reduce((y, layer) => layer.apply(y) as Tensor, x);
    const y = tf.tidy(call);
    const variables = all.flatMap((layer) => layer.trainableWeights.map((w) => w.read() as never));
    const { grads } = tf.variableGrads(
      () => tf.sum(tf.square(tf.sub(call(), 1))) as never,
      variables,
    );
    return { y, grads: Object.values(grads).map((grad) => list(grad)) };
  };

  test('one layer gives 1/2 for any input, and learns from there', () => {
    tf.tidy(() => {
      const layer = hammingDense({ units: 3, ...fuzzy });
      layer.build([4, 5]);
      const { y, grads } = gradientsOf([layer], inputs([4, 5]));
      expect(list(y)).toEqual(Array(12).fill(0.5));
      expect(grads[0]!.every((v) => v !== 0)).toBe(true);
      disposeLayer(layer);
    });
  });

  test('two layers never leave it; nothing is NaN', () => {
    tf.tidy(() => {
      for (const threshold of ['none', 'relu', 'double', 'soft'] as const) {
        const all = [4, 3].map((units) => hammingDense({ units, threshold, ...fuzzy }));
        all[0]!.build([4, 5]);
        all[1]!.build([4, 4]);
        const { y, grads } = gradientsOf(all, inputs([4, 5]));
        expect(list(y)).toEqual(Array(12).fill(0.5));
        for (const grad of grads) expect(grad).toEqual(Array(grad.length).fill(0));
        for (const layer of all) disposeLayer(layer);
      }
    });
  });

  test('one filter at it leaves the other ones alone', () => {
    tf.tidy(() => {
      const x = inputs([2, 4, 4, 3]) as Tensor4D;
      const kernel = normal([3, 3, 3, 2], 5);
      for (let i = 1; i < kernel.data.length; i += 2) kernel.data[i] = 0.5;
      const op = (a?: Tensor, b?: Tensor) =>
        norm.ops.hammingConv2d(a as Tensor4D, b as Tensor4D) as Tensor;
      const w = tensor(kernel);
      const { y, grads } = withGradients(op, [x, w], tf.ones([2, 2, 2, 2]));
      const alone = op(x, w.slice([0, 0, 0, 0], [3, 3, 3, 1]));
      expectClose('y', y.slice([0, 0, 0, 0], [2, 2, 2, 1]), alone, { absolute: 1e-6 });
      expect(new Set(list(y.slice([0, 0, 0, 1], [2, 2, 2, 1])))).toEqual(new Set([0.5]));
      expect(grads.flatMap(list).every(Number.isFinite)).toBe(true);
    });
  });
});
