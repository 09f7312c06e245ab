/** The divergence of learned noise from its prior. */
import type { LayersModel } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';

const { bayesianNormalization } = norm.layers;

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
