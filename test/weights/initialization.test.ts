/** Data-dependent initialization of models, gains and directions, learning rates that grow. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { expectClose } from '../support/expectClose';
import { expectNoLeak } from '../support/tensors';

describe('dataDependentInit', () => {
  const modelOf = () =>
    tf.sequential({
      layers: [
        norm.layers.weightNormalization({
          layer: tf.layers.dense({ units: 5, activation: 'relu' }),
          inputShape: [4],
        }),
        norm.layers.weightNormalization({ layer: tf.layers.dense({ units: 3 }), initScale: 2 }),
        norm.layers.meanOnlyBatchNormalization(),
      ],
    });

  test('initializes one layer after the other', () =>
    expectNoLeak(() => {
      const model = modelOf();
      tf.tidy(() => {
        const x = tf.randomNormal([64, 4], 3, 2, 'float32', 1);
        const report = norm.dataDependentInit(model, x);
        expect(report.layers).toEqual(model.layers.slice(0, 2).map(({ name }) => name));
        const { mean, variance } = tf.moments(model.predict(x) as Tensor, 0);
        expectClose('mean', mean, [0, 0, 0], { absolute: 1e-5 });
        expectClose('deviation', tf.sqrt(variance), [2, 2, 2], { absolute: 1e-4 });
      });
      model.dispose();
    }));

  test('of a batch of one throws and changes nothing', () => {
    const model = modelOf();
    const before = model.getWeights().map((weight) => [...weight.dataSync()]);
    const x = tf.ones([1, 4]);
    expect(() => norm.dataDependentInit(model, x)).toThrow(/two values or more/);
    expect(model.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
    tf.dispose(x);
    model.dispose();
  });

  test('refuses a model without such a layer', () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    expect(() => norm.dataDependentInit(model, tf.ones([2, 2]))).toThrow(/weight normalization/);
  });
});

test.each([[[6, 4]], [[4, 6]], [[3, 3, 2, 5]]])(
  'orthogonal makes kernels %j orthonormal, the same for a seed',
  (shape) => {
    tf.tidy(() => {
      const columns = shape.at(-1)!;
      const make = () => norm.initializers.orthogonal({ gain: 2, seed: 0 }).apply(shape);
      const matrix = tf.reshape(make(), [-1, columns]) as never;
      const wide = columns > shape.slice(0, -1).reduce((a, b) => a * b);
      const product = tf.matMul(matrix, matrix, !wide, wide);
      expectClose('product', product, tf.eye(product.shape[0]!).mul(4).dataSync(), {
        absolute: 1e-5,
      });
      expect([...make().dataSync()]).toEqual([...make().dataSync()]);
    });
  },
);

test.each([
  [() => norm.initializers.orthogonal().apply([3]), /two axes/],
  [() => norm.initializers.orthogonal({ gain: Number.NaN }), /gain/],
  [() => norm.initializers.weightNormGain({ role: 'lastInBranch' }), /blocksInStage/],
  [() => norm.initializers.weightNormGain({ role: 'other' as never }), /role must be one of/],
  [() => norm.initializers.weightNormGain().apply([3]), /fanIn must be given/],
  [() => norm.schedules.quadraticWarmup(0, { learningRate: 1, warmupSteps: 0 }), /warmupSteps/],
  [() => norm.schedules.learningRate(1 as never), /schedule/],
])('refuses bad arguments: %s', (run, message) => {
  expect(run).toThrow(message);
});

test.each(['sgd', 'adam'])(
  'learningRate gives %s its rate before every batch',
  async (optimizer) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const rates: number[] = [];
    const { learningRate, linearWarmup } = norm.schedules;
    const record = new tf.CustomCallback({
      onBatchEnd: async () => {
        rates.push((model.optimizer as unknown as { learningRate: number }).learningRate);
      },
    });
    const schedule = learningRate((step) =>
      linearWarmup(step, { learningRate: 1, warmupSteps: 4 }),
    );
    const [x, y] = [tf.ones([6, 2]), tf.ones([6, 1])];
    await model.fit(x, y, { batchSize: 2, epochs: 2, verbose: 0, callbacks: [schedule, record] });
    expect(rates).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    tf.dispose([x, y]);
    model.dispose();
  },
);
