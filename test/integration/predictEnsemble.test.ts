/** Predictions averaged over the noise of parameters. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const { bayesianNormalization, stochasticNormalization } = norm.layers;

describe('predictEnsemble', () => {
  const make = (layer = stochasticNormalization({ effectiveN: 8, seed: 5 }) as never) =>
    tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [4] }),
        tf.layers.dense({
          units: 6,
          kernelInitializer: norm.initializers.leCunNormal({ seed: 1 }),
        }),
        layer,
        tf.layers.reLU(),
        tf.layers.dense({
          units: 3,
          activation: 'softmax',
          kernelInitializer: norm.initializers.leCunNormal({ seed: 2 }),
        }),
      ],
    });
  const data = normal([20, 4], 6);
  const labels = Array.from({ length: 20 }, (_, i) => i % 3);

  test.each([
    ['stochastic', () => stochasticNormalization({ effectiveN: 8, seed: 5 })],
    ['Bayesian', () => bayesianNormalization({ effectiveN: 8, seed: 5 })],
  ])('averages the draws of a %s layer: noise shared by all batches', (_, layer) => {
    const model = make(layer() as never);
    tf.tidy(() => {
      const x = tensor(data);
      const noisy = model.layers.find((l) => 'noise' in l) as never as {
        noise: { draw: number | null };
      };
      const passes = [0, 1, 2, 3].map((draw) => {
        noisy.noise.draw = draw;
        return model.predict(x, { batchSize: 20 }) as Tensor;
      });
      noisy.noise.draw = null;
      expect(passes[0]!.dataSync()).not.toEqual(passes[1]!.dataSync());
      const want = tf.div(tf.addN(passes), 4);
      for (const batchSize of [7, 20]) {
        const { probabilities } = norm.predictEnsemble(model, x, 4, { batchSize });
        expectClose('probabilities', probabilities, want, { absolute: 1e-6 });
      }
    });
    model.dispose();
  });

  test('accuracy, NLL and entropy are those of the averaged probabilities', () => {
    const model = make();
    tf.tidy(() => {
      const x = tensor(data);
      const result = norm.predictEnsemble(model, x, 10, { labels });
      const p = values(result.probabilities);
      const rows = labels.map((label, i) => ({
        label,
        p: [0, 1, 2].map((k) => p[3 * i + k]!),
      }));
      const mean = (of: number[]) => of.reduce((a, b) => a + b, 0) / of.length;
      const entropies = rows.map(({ p: row }) => -row.reduce((s, v) => s + v * Math.log(v), 0));
      expectClose('entropies', result.entropies, entropies, { absolute: 1e-5 });
      expect(result.entropy).toBeCloseTo(mean(entropies), 5);
      expect(result.nll).toBeCloseTo(mean(rows.map(({ p: r, label }) => -Math.log(r[label]!))), 5);
      const right = rows.map(({ p: r, label }) => Number(r.indexOf(Math.max(...r)) === label));
      expect(result.accuracy).toBeCloseTo(mean(right), 6);

      const oneHot = tf.oneHot(tf.tensor1d(labels, 'int32'), 3);
      const again = norm.predictEnsemble(model, x, 10, { labels: oneHot });
      expectSameBits('the same draws again', again.probabilities, result.probabilities);
      expect([again.accuracy, again.nll]).toEqual([result.accuracy, result.nll]);
      const plain = norm.predictEnsemble(model, x, 10);
      expect(plain).not.toHaveProperty('accuracy');
    });
    model.dispose();
  });

  test('samples 0: one pass without noise, of any model; logits', () => {
    const model = make();
    const logits = tf.sequential({ layers: [tf.layers.dense({ inputShape: [4], units: 3 })] });
    tf.tidy(() => {
      const x = tensor(data);
      const { probabilities } = norm.predictEnsemble(model, x, 0);
      expectClose('y', probabilities, model.predict(x) as Tensor, { absolute: 1e-6 });
      const soft = norm.predictEnsemble(logits, x, 0, { fromLogits: true }).probabilities;
      expectClose('sums', tf.sum(soft, 1), new Float64Array(20).fill(1), { absolute: 1e-6 });
    });
    for (const one of [model, logits]) one.dispose();
  });

  test('probabilities of 0 and 1 give finite numbers', () => {
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [2] }),
        stochasticNormalization({ effectiveN: 4, seed: 1 }),
        tf.layers.dense({ units: 2, kernelInitializer: 'identity', activation: 'relu' }),
      ],
    });
    tf.tidy(() => {
      const { nll, entropy } = norm.predictEnsemble(model, tf.zeros([3, 2]), 0, {
        labels: [0, 1, 0],
      });
      expect(nll).toBeCloseTo(-Math.log(1e-7), 4);
      expect(entropy).toBeCloseTo(0, 6);
    });
    model.dispose();
  });

  test('leaves nothing behind, and no noise, when it fails', async () => {
    const model = make();
    const x = tensor(data);
    await expectNoLeak(() => {
      const { probabilities, entropies } = norm.predictEnsemble(model, x, 3, { labels });
      tf.dispose([probabilities, entropies]);
      const wrong = (options: object, samples = 2) =>
        expect(() => norm.predictEnsemble(model, x, samples, options as never));
      wrong({ labels: [0, 1] }).toThrow(
        /^predictEnsemble: labels must have shape \[20\] or \[20,3\]/,
      );
      wrong({ labels: Array(20).fill(3) }).toThrow(/labels must be from 0 to 2, got 3/);
      wrong({ labels: Array(20).fill(0.5) }).toThrow(/labels must be from 0 to 2/);
      wrong({ batchSize: 0 }).toThrow(/batchSize/);
      wrong({}, -1).toThrow(/samples/);
      wrong({}, 1.5).toThrow(/samples/);
      tf.tidy(() => {
        expectSameBits('y', model.predict(x) as Tensor, model.predict(x) as Tensor);
      });
    });
    const plain = tf.sequential({ layers: [tf.layers.dense({ inputShape: [4], units: 3 })] });
    expect(() => norm.predictEnsemble(plain, x, 2)).toThrow(/model must have a layer with noise/);
    const deep = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [2, 4] }),
        stochasticNormalization({ effectiveN: 8 }),
      ],
    });
    const error = () => norm.predictEnsemble(deep, tf.zeros([1, 2, 4]), 1);
    expect(() => tf.tidy(error as never)).toThrow(/one output of shape \[N, classes\]/);
    for (const one of [model, plain, deep]) one.dispose();
    x.dispose();
  });
});
