/** Around the layers with random parameters: divergences, constraints, ensembles. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const { clip, projectNorm } = norm.constraints;
const { bayesianNormalization, stochasticNormalization } = norm.layers;

describe('losses.bayesianKL', () => {
  const make = (args: object) => {
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [3] }),
        bayesianNormalization({ name: 'noisy', seed: 1, ...args }),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' });
    return model;
  };
  const kl = (model: LayersModel, size = 1) =>
    tf.tidy(() => norm.losses.bayesianKL(model, size).dataSync()[0]!);

  test('is the sum over channels and layers, over the number of examples', () => {
    // With the default n = 32: rho is -log(64) / 2 and -log(32) / 2.
    const flat = make({});
    expect(kl(flat)).toBeCloseTo((3 * (Math.log(64) + Math.log(32))) / 2, 4);
    expect(kl(flat, 50)).toBeCloseTo(kl(flat) / 50, 6);
    const s0 = [0.5, 2];
    const prior = make({ prior: 'normal', priorMean: 0.25, priorStdScale: s0[0], priorStdBias: 2 });
    const one = (rho: number, m: number, s: number) =>
      Math.log(s) - rho + (Math.exp(2 * rho) + m * m) / (2 * s * s) - 0.5;
    const want = 3 * (one(-Math.log(64) / 2, 0.25, 0.5) + one(-Math.log(32) / 2, 0, 2));
    expect(kl(prior)).toBeCloseTo(want, 4);
    for (const model of [flat, prior]) model.dispose();
  });

  test('is 0 where the posterior is the normal prior, and positive elsewhere', () => {
    const zeros = { rhoScaleInitializer: 'zeros', rhoBiasInitializer: 'zeros' };
    const model = make({ prior: 'normal', ...zeros } as never);
    expect(kl(model)).toBeCloseTo(0, 6);
    model.layers.at(-1)!.setWeights([0.5, -1, 0.25, -0.5].map((v) => tf.fill([3], v)));
    expect(kl(model)).toBeGreaterThan(0.5);
    model.dispose();
  });

  test('fit adds it to the loss with trainingSize, and its gradient trains', async () => {
    const x = tf.zeros([8, 3]);
    const lossOf = async (model: LayersModel) => {
      const { history } = await model.fit(x, x, { epochs: 1, batchSize: 8, verbose: 0 });
      return history.loss![0] as number;
    };
    const [without, with10] = [make({}), make({ trainingSize: 10 })];
    const divergence = kl(with10, 10);
    expect((await lossOf(with10)) - (await lossOf(without))).toBeCloseTo(divergence, 5);

    // With nothing else in the loss, the flat prior makes deviations grow to their bound.
    const free = make({ trainingSize: 1 });
    free.compile({ optimizer: tf.train.sgd(100), loss: () => tf.scalar(0) as never });
    await expect(lossOf(free)).resolves.toBeGreaterThan(0);
    // Whenever they are used.
    tf.dispose(free.predict(x));
    const [, rhoScale, , rhoBias] = free.layers.at(-1)!.getWeights();
    for (const rho of [rhoScale!, rhoBias!]) expect(Array.from(rho.dataSync())).toEqual([0, 0, 0]);
    for (const model of [without, with10, free]) model.dispose();
    x.dispose();
  });

  test('refuses models without such layers, and sizes', () => {
    const plain = tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 2 })] });
    expect(() => kl(plain)).toThrow(/^bayesianKL: model must have a BayesianNormalization layer/);
    plain.dispose();
    const model = make({});
    for (const size of [0, -1, 1.5, Number.NaN]) {
      expect(() => kl(model, size)).toThrow(/^bayesianKL: trainingSize/);
    }
    expect(() => kl({} as never)).toThrow(/bayesianKL: model must be a tf.LayersModel/);
    model.dispose();
  });
});

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
