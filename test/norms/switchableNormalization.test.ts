import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import { readGolden } from '../support/golden';
import { constant } from '../support/table';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';

const layerOf = (args: object = {}) => norm.layers.switchableNormalization(args);

describe('switchableNormalization', () => {
  const modelOf = (args: object) =>
    tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [3, 4, 4] }),
        layerOf({ name: 'switchable', ...args }),
      ],
    });

  test('lastGamma starts gamma at 0, unless its initializer is given', () => {
    const starts = [{ lastGamma: true }, { lastGamma: true, gammaInitializer: constant(2) }];
    const gammas = starts.map((args) => {
      const layer = layerOf(args);
      layer.build([null, 4, 4, 2]);
      const gamma = [...layer.getWeights()[0]!.dataSync()];
      disposeLayer(layer);
      return gamma;
    });
    expect(gammas).toEqual([
      [0, 0],
      [2, 2],
    ]);
  });

  test('importance is the softmax of the logits', () => {
    const layer = layerOf({ useBatch: false, meanLogitsInitializer: constant(1e4) });
    layer.build([null, 4, 4, 2]);
    const [gamma, beta, mean] = layer.getWeights();
    tf.tidy(() => layer.setWeights([gamma!, beta!, mean!, tf.tensor1d([Math.log(3), 0])]));
    const { mean: w, variance: u } = layer.importance();
    expect(w).toEqual({ instance: 0.5, layer: 0.5 });
    expect(u.instance).toBeCloseTo(0.75, 6);
    expect(u.layer).toBeCloseTo(0.25, 6);
    disposeLayer(layer);
  });

  test('a layer that is not trainable uses and keeps its moving statistics', () => {
    tf.tidy(() => {
      const layer = layerOf({ trainable: false });
      const x = tensor(normal([2, 3, 4], 3));
      const y = layer.apply(x, { training: true }) as Tensor;
      const fresh = { movingMean: tf.zeros([4]), movingVariance: tf.ones([4]) };
      const equal = { meanLogits: tf.ones([3]), varianceLogits: tf.ones([3]) };
      const wanted = norm.ops.switchableNorm(x, { ...fresh, ...equal, training: false });
      expectClose('y', y, wanted.y);
      const moving = layer.getWeights().slice(-2);
      expect(moving.map((weight) => [...weight.dataSync()])).toEqual([
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ]);
      disposeLayer(layer);
    });
  });

  test('batch averages: calibrated as in the golden vectors, and an error before', async () => {
    const golden = readGolden('switchable_norm.json').find((c) => !c.gradOutput)!;
    await expectNoLeak(async () => {
      const model = modelOf({ inference: 'batch' });
      const batches = ['x0', 'x1', 'x2'].map((name) => tensor(golden.inputs[name]!));
      expect(() => model.predict(batches[0]!)).toThrow(/norm\.calibrate/);
      const report = await norm.calibrate(model, batches, 3);
      expect(report).toEqual({ steps: 3, layers: ['switchable'] });
      const [mean, variance, count] = model.getLayer('switchable').getWeights().slice(-3);
      const exact = { scaled: 1e-6, relative: 2e-5 };
      expectClose('mean', mean!, golden.outputs.runningMean!.data, exact);
      expectClose('variance', variance!, golden.outputs.runningVar!.data, exact);
      expect([...count!.dataSync()]).toEqual([3]);
      tf.dispose(model.predict(batches[0]!));

      // Training again makes the averages stale.
      tf.dispose(model.apply(batches[0]!, { training: true }) as Tensor);
      expect(() => model.predict(batches[0]!)).toThrow(/0 calibrated batches/);
      tf.dispose(batches);
      model.dispose();
    });
  });

  test('calibrate reads a tf.data dataset and nested models', async () => {
    await expectNoLeak(async () => {
      const inner = modelOf({ inference: 'batch' });
      const model = tf.sequential({ layers: [inner, tf.layers.flatten()] });
      const values = normal([6, 3, 4, 4], 5);
      const data = tf.data.generator(function* () {
        for (let i = 0; i < 6; i++) {
          const xs = tf.tidy(() => tensor(values).slice([i], [1]).squeeze([0]));
          yield { xs, ys: tf.zeros([1]) };
        }
      });
      const report = await norm.calibrate(model, data.batch(2), 3);
      expect(report.layers).toEqual(['switchable']);
      tf.tidy(() => expect((model.predict(tensor(values)) as Tensor).shape).toEqual([6, 48]));
      model.dispose();
    });
  });

  test('calibrate refuses what it cannot do, and leaves the layers as they were', async () => {
    await expectNoLeak(async () => {
      const model = modelOf({ inference: 'batch' });
      const plain = modelOf({});
      const x = tf.ones([2, 3, 4, 4]);
      await expect(norm.calibrate(plain, [x], 1)).rejects.toThrow(/calibrate: model.*'batch'/);
      await expect(norm.calibrate(model, [x], 0)).rejects.toThrow(/calibrate: steps.*0/);
      await expect(norm.calibrate(model, [x], 2)).rejects.toThrow(/calibrate: dataset.*2.*1/);
      const wrong = tf.ones([2, 3]);
      await expect(norm.calibrate(model, [wrong], 1)).rejects.toThrow();
      wrong.dispose();
      expect(() => model.predict(x)).toThrow(/norm\.calibrate/);
      x.dispose();
      model.dispose();
      plain.dispose();
    });
  });
});
