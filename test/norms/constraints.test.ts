/** Weight constraints, and applying them. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, values } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const { clip, projectNorm } = norm.constraints;

describe('constraints', () => {
  const norms = (w: Tensor, axis: number | number[]) => tf.sqrt(tf.sum(tf.square(w), axis));

  test.each([
    [[5, 7], undefined, [0]],
    [[3, 3, 2, 4], undefined, [0, 1, 2]],
    [
      [3, 3, 4, 2],
      [0, 1, 3],
      [0, 1, 3],
    ],
    [
      [3, 3, 4, 2],
      [0, 1],
      [0, 1],
    ],
    [
      [3, 3, 4, 2],
      [-4, -3],
      [0, 1],
    ],
    [
      [5, 7],
      [0, 1],
      [0, 1],
    ],
    [[4], 0, [0]],
  ] as [number[], number | number[] | undefined, number[]][])(
    'projectNorm of %j over axes %j',
    (shape, axis, over) => {
      tf.tidy(() => {
        const w = tensor(normal(shape, 1));
        const projected = projectNorm({ norm: 2.5, axis }).apply(w);
        expect(projected.shape).toEqual(shape);
        const got = norms(projected, over);
        expectClose('norms', got, new Float64Array(got.size).fill(2.5), { relative: 1e-6 });
        // The direction stays.
        const along = tf.sum(tf.mul(w, projected), over);
        expectClose('direction', along, tf.mul(norms(w, over), 2.5), { relative: 1e-5 });
      });
    },
  );

  test('weights of 0 stay, those of 1e-18 are given their norm', () => {
    tf.tidy(() => {
      const w = tf.tensor2d([
        [0, 3e-18, 1e18],
        [0, 4e-18, 0],
      ]);
      const projected = values(projectNorm().apply(w));
      expectClose('projected', projected, [0, 0.6, 1, 0, 0.8, 0], { absolute: 1e-6 });
    });
  });

  test('clip', () => {
    tf.tidy(() => {
      const w = tf.tensor1d([-2, -0.5, 0.5, 2, Number.NaN]);
      const clipped = (args?: object) => Array.from(clip(args).apply(w).dataSync());
      expect(clipped({ minValue: -1, maxValue: 0 })).toEqual([-1, -0.5, 0, 0, Number.NaN]);
      expect(clipped({ minValue: -1 })).toEqual([-1, -0.5, 0.5, 2, Number.NaN]);
      expect(clipped({ maxValue: 1 })).toEqual([-2, -0.5, 0.5, 1, Number.NaN]);
      expect(clipped()).toEqual([-2, -0.5, 0.5, 2, Number.NaN]);
    });
  });

  test.each([
    [() => projectNorm({ norm: 0 }), /^ProjectNorm: norm .*greater than 0/],
    [() => projectNorm({ norm: Number.NaN }), /^ProjectNorm: norm/],
    [() => projectNorm({ axis: 0.5 }), /^ProjectNorm: axis/],
    [() => projectNorm({ axis: [] }), /^ProjectNorm: axis/],
    [() => projectNorm({ axis: 2 }).apply(tf.zeros([2, 3])), /^ProjectNorm: axis .*rank 2/],
    [() => projectNorm({ axis: 1 }).apply(tf.zeros([2, 3, 4])), /axis must name adjacent axes/],
    [() => projectNorm().apply(tf.scalar(1)), /^ProjectNorm: w must have rank 1/],
    [() => clip({ minValue: 1, maxValue: 0 }), /^Clip: minValue must not be above/],
    [() => clip({ minValue: Number.NaN }), /^Clip: minValue must be a finite number/],
  ])('refuses, case %#', (call, message) => {
    tf.tidy(() => {
      expect(call).toThrow(message);
    });
  });

  test('are kept in the configuration of a layer', () => {
    const kernelConstraint = projectNorm({ norm: 2, axis: [0] });
    const layer = tf.layers.dense({
      units: 2,
      kernelConstraint,
      biasConstraint: clip({ maxValue: 1 }),
    });
    const again = tf.layers.dense(JSON.parse(JSON.stringify(layer.getConfig())));
    expect(again.getConfig()).toEqual(layer.getConfig());
    expect(again.getConfig()).toMatchObject({
      kernelConstraint: { className: 'ProjectNorm', config: { norm: 2, axis: [0] } },
      biasConstraint: { className: 'Clip', config: { minValue: null, maxValue: 1 } },
    });
  });

  test('applyConstraints: what tfjs leaves out in training', async () => {
    const inner = tf.sequential({
      layers: [
        tf.layers.dense({
          inputShape: [4],
          units: 3,
          useBias: false,
          kernelConstraint: projectNorm({ norm: 2 }),
        }),
      ],
    });
    const model = tf.sequential({
      layers: [
        inner,
        tf.layers.dense({ units: 1, biasConstraint: clip({ minValue: 0, maxValue: 0 }) }),
      ],
    });
    const optimizer = tf.train.sgd(0.1);
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const [x, y] = [tensor(normal([16, 4], 1)), tf.ones([16, 1])];
    const state = () =>
      tf.tidy(() => ({
        norms: norms(inner.getWeights()[0]!, 0).dataSync(),
        bias: model.getWeights().at(-1)!.dataSync()[0],
      }));
    const fit = (callbacks?: object) =>
      model.fit(x, y, { epochs: 2, batchSize: 8, verbose: 0, callbacks });
    await expectNoLeak(async () => {
      await fit();
      expect(Math.abs(state().norms[0]! - 2)).toBeGreaterThan(1e-3);
      expect(state().bias).not.toBe(0);
      await fit({ onBatchEnd: async () => void norm.applyConstraints(model) });
      expectClose('norms', state().norms, [2, 2, 2], { relative: 1e-6 });
      expect(state().bias).toBe(0);
      expect(norm.applyConstraints(model)).toBe(2);
    });
    expect(() => norm.applyConstraints({} as never)).toThrow(/must be a tf.LayersModel/);
    for (const one of [optimizer, model]) one.dispose();
    tf.dispose([x, y]);
  });

  test('what a projection takes back is no descent: gradients before a normalization are orthogonal', () => {
    tf.tidy(() => {
      // The gradient of a loss of w / ||w|| is orthogonal to w.
      const w = tensor(normal([6, 4], 3));
      const loss = (v: Tensor) =>
        tf.sum(tf.mul(norm.ops.weightNorm(v), tensor(normal([6, 4], 4)))) as never;
      const along = tf.sum(tf.mul(tf.grad(loss)(w), w), 0);
      expectClose('dL/dw . w', along, [0, 0, 0, 0], { absolute: 2e-6 });
    });
  });
});
