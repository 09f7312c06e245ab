import type { Tensor } from '@tensorflow/tfjs';
import { norm, type RenormClipping, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits } from '../support/expectClose';
import { batchPartition } from '../support/reference';
import { renormalized } from '../support/renormReference';
import { constant } from '../support/table';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';

const shape = [4, 3, 5, 6];
const x64 = normal(shape, 21, { mean: 1, deviation: 3 });
const partition = batchPartition(shape, {});
const layerOf = (args: object = {}) =>
  norm.layers.batchNormalization({ renorm: true, ...args } as never);
const STATE = ['moving_mean', 'moving_variance', 'moving_stddev', 'renorm_mean', 'renorm_stddev'];

type Layer = ReturnType<typeof layerOf>;
const stateOf = (layer: Layer) =>
  Object.fromEntries(
    layer
      .getWeights()
      .slice(-5)
      .map((weight, i) => [STATE[i]!, weight]),
  );

describe('batchNormalization with renorm', () => {
  test('statistics start from the initializers, deviations from the root of the variance', () => {
    const args = {
      movingMeanInitializer: constant(2),
      movingVarianceInitializer: constant(9),
    };
    const layer = layerOf(args as never);
    layer.build([null, 2]);
    const starts = Object.values(stateOf(layer)).map((weight) => [...weight.dataSync()]);
    expect(starts).toEqual([2, 9, 3, 2, 3].map((value) => [value, value]));
    disposeLayer(layer);
  });

  test('training steps follow the definition; inference uses the moving statistics', () => {
    const clipping = { rmax: 2, rmin: 0.5, dmax: 1 };
    const layer = layerOf({ momentum: 0.75, renormMomentum: 0.5, renormClipping: clipping });
    const follow = (old: Float64Array, now: Float64Array, momentum: number) =>
      old.map((value, c) => momentum * value + (1 - momentum) * now[c]!);
    const fresh = (value: number) => new Float64Array(6).fill(value);
    const moving = { mean: fresh(0), stddev: fresh(1) };
    const running = { mean: fresh(0), stddev: fresh(1) };
    tf.tidy(() => {
      for (let step = 0; step < 3; step++) {
        const data = x64.data.map((value) => value + step);
        const x = tf.tensor(Float32Array.from(data), shape, 'float32');
        const settings = { epsilon: 1e-3, renormClipping: clipping, running };
        const want = renormalized(data, partition, {}, settings);
        expectClose('y', layer.apply(x, { training: true }) as Tensor, want.y);
        running.mean = follow(running.mean, want.mean, 0.5);
        running.stddev = follow(running.stddev, want.stddev, 0.5);
        moving.mean = follow(moving.mean, want.mean, 0.75);
        moving.stddev = follow(moving.stddev, want.stddev, 0.75);
      }
      const state = stateOf(layer);
      const variance = moving.stddev.map((s) => s * s - 1e-3);
      const exact = { scaled: 1e-6, relative: 4e-6 };
      expectClose('moving_mean', state.moving_mean!, moving.mean, exact);
      expectClose('moving_stddev', state.moving_stddev!, moving.stddev, exact);
      expectClose('moving_variance', state.moving_variance!, variance, exact);
      expectClose('renorm_mean', state.renorm_mean!, running.mean, exact);
      expectClose('renorm_stddev', state.renorm_stddev!, running.stddev, exact);
      const want = x64.data.map((v, i) => (v - moving.mean[i % 6]!) / moving.stddev[i % 6]!);
      expectClose('y at inference', layer.apply(tensor(x64)) as Tensor, want);
    });
    disposeLayer(layer);
  });

  test('without spread the moving variance stays at 0 or above', () => {
    const layer = layerOf({ momentum: 0 });
    tf.tidy(() => {
      layer.apply(tf.ones([4, 6]), { training: true });
      const [variance] = stateOf(layer).moving_variance!.dataSync();
      expect(variance).toBeGreaterThanOrEqual(0);
      expect(variance).toBeLessThan(1e-9);
    });
    disposeLayer(layer);
  });

  test('a layer that is not trainable keeps all its statistics', () => {
    const layer = layerOf({ trainable: false });
    tf.tidy(() => {
      const x = tensor(x64);
      expectClose(
        'y',
        layer.apply(x, { training: true }) as Tensor,
        x64.data.map((value) => value / Math.sqrt(1 + 1e-3)),
      );
      const state = Object.values(stateOf(layer)).map((weight) => weight.dataSync()[0]);
      expect(state).toEqual([0, 1, 1, 0, 1]);
    });
    disposeLayer(layer);
  });

  test('a call that fails changes no statistic', () => {
    const layer = layerOf();
    tf.tidy(() => {
      layer.build([null, 3, 6]);
      expect(() => layer.call(tf.ones([2, 3, 5]), { training: true })).toThrow(/renormMean/);
      const state = Object.values(stateOf(layer)).map((weight) => weight.dataSync()[0]);
      expect(state).toEqual([0, 1, 1, 0, 1]);
    });
    disposeLayer(layer);
  });

  test('bounds that are set hold from the next step on, and are saved', () => {
    const layer = layerOf({ renormClipping: { rmax: 1, rmin: 1, dmax: 0 } });
    const plain = norm.layers.batchNormalization();
    tf.tidy(() => {
      const x = tensor(x64);
      const first = layer.apply(x, { training: true }) as Tensor;
      expectSameBits('y', first, plain.apply(x, { training: true }) as Tensor);
      const running = {
        mean: Float64Array.from(stateOf(layer).renorm_mean!.dataSync()),
        stddev: Float64Array.from(stateOf(layer).renorm_stddev!.dataSync()),
      };
      layer.renormClipping = { rmax: 1.5, dmax: 0.25 };
      const settings = { epsilon: 1e-3, renormClipping: layer.renormClipping, running };
      const want = renormalized(x64.data, partition, {}, settings);
      expectClose('y', layer.apply(x, { training: true }) as Tensor, want.y);
    });
    expect(layer.getConfig().renormClipping).toEqual({ rmax: 1.5, dmax: 0.25 });
    layer.renormClipping = null;
    expect(layer.getConfig().renormClipping).toBeNull();
    expect(() => {
      layer.renormClipping = { rmax: -1 };
    }).toThrow(/renormClipping.*rmax/);
    expect(layer.renormClipping).toBeNull();
    disposeLayer(layer);
    disposeLayer(plain);
  });

  test('bounds cannot change behind the checks', () => {
    const layer = layerOf({ renormClipping: { rmax: 2 } });
    expect(() => {
      (layer.renormClipping as RenormClipping).rmax = -1;
    }).toThrow(TypeError);
  });

  test('a schedule of bounds in fit', async () => {
    await expectNoLeak(async () => {
      const layer = layerOf({ inputShape: shape.slice(1) });
      const model = tf.sequential({
        layers: [layer, tf.layers.flatten(), tf.layers.dense({ units: 1 })],
      });
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      const [x, y] = [tensor(x64), tf.ones([4, 1])];
      const seen: (RenormClipping | null)[] = [];
      let step = 0;
      await model.fit(x, y, {
        epochs: 2,
        batchSize: 2,
        verbose: 0,
        callbacks: {
          onBatchBegin: async () => {
            const growth = { start: 1, rmaxStep: 3, dmaxStep: 2 };
            layer.renormClipping = norm.schedules.renormClipping(step++, growth);
            seen.push(layer.renormClipping);
          },
        },
      });
      expect(seen).toEqual([
        { rmax: 1, rmin: 1, dmax: 0 },
        { rmax: 1, rmin: 1, dmax: 0 },
        { rmax: 2, rmin: 0.5, dmax: 5 },
        { rmax: 3, rmin: 1 / 3, dmax: 5 },
      ]);
      tf.dispose([x, y]);
      model.dispose();
    });
  });
});

describe('schedules.renormClipping', () => {
  test.each([
    [0, 1, 0],
    [4999, 1, 0],
    [15_000, 1 + 20 / 35, 2.5],
    [25_000, 1 + 40 / 35, 5],
    [40_000, 3, 5],
    [1e6, 3, 5],
  ])('at step %d', (step, rmax, dmax) => {
    const bounds = norm.schedules.renormClipping(step);
    expectClose('bounds', [bounds.rmax, bounds.rmin, bounds.dmax], [rmax, 1 / rmax, dmax], {
      scaled: 1e-12,
    });
  });

  test.each([
    ['step', Number.NaN, {}],
    ['start', 0, { start: Infinity }],
    ['rmax', 0, { rmax: 0.5 }],
    ['dmax', 0, { dmax: -1 }],
    ['rmaxStep', 0, { start: 100, rmaxStep: 50, dmaxStep: 200 }],
    ['dmaxStep', 0, { start: 30_000 }],
  ])('refuses a %s that cannot be', (name, step, options) => {
    expect(() => norm.schedules.renormClipping(step, options)).toThrow(
      new RegExp(`^renormClipping: ${name} must`),
    );
  });
});
