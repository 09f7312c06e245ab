/** The layers with random parameters: noise of batch norm's form, and learned. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayersModel, layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const X = normal([6, 3, 4], 1);
const { bayesianNormalization, stochasticNormalization } = norm.layers;

const call = (layer: layers.Layer, training?: boolean): Float32Array =>
  tf.tidy(() =>
    Float32Array.from(values(layer.apply(tensor(X), { training }) as Tensor) as Float32Array),
  );
const array = (of: () => Tensor) => tf.tidy(() => of().dataSync() as Float32Array);

const initializer = (value: number) => ({ className: 'Constant', config: { value } });
const weight = (name: string, value: number) => ({
  [`${name}Initializer`]: initializer(value),
  [`${name}Regularizer`]: { className: 'L1L2', config: { l1: 0.5, l2: 0 } },
  [`${name}Constraint`]: { className: 'Clip', config: { minValue: -4, maxValue: 2 } },
});

interface Kind {
  className: string;
  make: (args?: object) => layers.Layer;
  defaults: object;
  every: object;
  weights: string[];
  refused: [object, string][];
  /** y in inference, and with drawn noise. */
  inferred: (x: Tensor) => Tensor;
  drawn: (x: Tensor, noise: object) => Tensor;
}

const [WEIGHTS, DRAWN] = [4, { seed: 7 }];
const LEARNED = () => ({
  logScale: tf.fill([WEIGHTS], 0.5),
  rhoScale: tf.fill([WEIGHTS], -1),
  bias: tf.fill([WEIGHTS], 0.25),
  rhoBias: tf.fill([WEIGHTS], -2),
});

const KINDS: Kind[] = [
  {
    className: 'StochasticNormalization',
    make: (args) =>
      stochasticNormalization({
        effectiveN: 8,
        gammaInitializer: initializer(1.5),
        betaInitializer: initializer(0.25),
        ...args,
      } as never),
    defaults: { granularity: 'batch', axis: -1, seed: null, center: true, scale: true },
    every: {
      effectiveN: 12,
      granularity: 'sample',
      axis: 1,
      seed: 0,
      ...weight('gamma', 2),
      ...weight('beta', -1),
    },
    weights: ['gamma', 'beta'],
    refused: [
      [{ effectiveN: undefined }, 'effectiveN'],
      [{ effectiveN: 2 }, 'effectiveN'],
      [{ effectiveN: 10.5 }, 'effectiveN'],
      [{ scale: 1 }, 'scale'],
    ],
    inferred: (x) => tf.add(tf.mul(x, 1.5), 0.25),
    drawn: (x, noise) =>
      norm.ops.stochasticAffine(x, {
        gamma: tf.fill([WEIGHTS], 1.5),
        beta: tf.fill([WEIGHTS], 0.25),
        effectiveN: 8,
        ...noise,
      }),
  },
  {
    className: 'BayesianNormalization',
    make: (args) =>
      bayesianNormalization({
        logScaleInitializer: initializer(0.5),
        rhoScaleInitializer: initializer(-1),
        biasInitializer: initializer(0.25),
        rhoBiasInitializer: initializer(-2),
        ...args,
      } as never),
    defaults: {
      effectiveN: 32,
      granularity: 'batch',
      axis: -1,
      seed: null,
      trainingSize: null,
      meanScale: false,
      prior: 'flat',
      priorMean: 0,
      priorStdScale: 1,
      priorStdBias: 1,
      logScaleConstraint: null,
      rhoScaleConstraint: { className: 'Clip', config: { minValue: -7, maxValue: 0 } },
      rhoBiasConstraint: { className: 'Clip', config: { minValue: -7, maxValue: 0 } },
    },
    every: {
      effectiveN: 12,
      granularity: 'sample',
      axis: 1,
      seed: 0,
      trainingSize: 100,
      meanScale: true,
      prior: 'normal',
      priorMean: 0.5,
      priorStdScale: 2,
      priorStdBias: 3,
      ...weight('logScale', 0),
      ...weight('rhoScale', -1),
      ...weight('bias', 1),
      ...weight('rhoBias', -2),
    },
    weights: ['log_scale', 'rho_scale', 'bias', 'rho_bias'],
    refused: [
      [{ effectiveN: 2 }, 'effectiveN'],
      [{ prior: 'uniform' }, 'prior'],
      [{ priorStdScale: 0 }, 'priorStdScale'],
      [{ priorStdBias: -1 }, 'priorStdBias'],
      [{ priorMean: Number.NaN }, 'priorMean'],
      [{ trainingSize: 0 }, 'trainingSize'],
      [{ trainingSize: 2.5 }, 'trainingSize'],
      [{ meanScale: 1 }, 'meanScale'],
    ],
    inferred: (x) => tf.add(tf.mul(x, Math.exp(0.5)), 0.25),
    drawn: (x, noise) => norm.ops.bayesianAffine(x, { ...LEARNED(), ...noise }),
  },
];

describe.each(KINDS)('$className', (kind) => {
  const { className, make } = kind;
  const again = (config: object) => {
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
    return from(type as never, config as never) as layers.Layer;
  };

  test('has its class name and defaults, and keeps every argument', () => {
    expect(make().getClassName()).toBe(className);
    expect(make().getConfig()).toMatchObject(kind.defaults);
    const full = make({ ...kind.every, name: 'noisy', trainable: false });
    const config = JSON.parse(JSON.stringify(full.getConfig()));
    expect(config).toMatchObject({ ...kind.every, name: 'noisy', trainable: false });
    expect(JSON.parse(JSON.stringify(again(config).getConfig()))).toEqual(config);
  });

  test('no constraint is kept as none', () => {
    const given = className === 'BayesianNormalization' ? { rhoScaleConstraint: null } : {};
    const config = make(given).getConfig();
    expect(again(config).getConfig()).toEqual(config);
    expect(config).toMatchObject(given);
  });

  test('has its weights', () => {
    const layer = make();
    call(layer);
    expect(layer.weights.map(({ originalName }) => originalName.split('/').at(-1))).toEqual(
      kind.weights,
    );
    for (const { shape } of layer.weights) expect(shape).toEqual([WEIGHTS]);
    expect(layer.trainableWeights).toHaveLength(kind.weights.length);
  });

  test('noise in training alone, that of the op', () => {
    const layer = make(DRAWN);
    const want = array(() => kind.inferred(tensor(X)));
    for (const training of [false, undefined]) {
      expectClose('y', call(layer, training), want, { relative: 1e-6, absolute: 1e-6 });
    }
    for (const stream of [0, 1]) {
      const noisy = array(() => kind.drawn(tensor(X), { ...DRAWN, stream }));
      expectSameBits('y', call(layer, true), noisy);
    }
  });

  test('every call draws anew; the same seed gives the same sequence', () => {
    const [a, b, c] = [7, 7, 8].map((seed) => make({ seed }));
    const first = [call(a!, true), call(a!, true), call(a!, true)];
    expect(first[0]).not.toEqual(first[1]);
    expect(first[1]).not.toEqual(first[2]);
    for (const y of first) {
      // Calls in inference do not count.
      call(b!, false);
      expectSameBits('y', call(b!, true), y);
    }
    expect(call(c!, true)).not.toEqual(first[0]);
    expect(call(make(), true)).not.toEqual(call(make(), true));
  });

  test('a frozen layer keeps its noise', () => {
    const layer = make({ seed: 1, trainable: false });
    expect(call(layer, true)).not.toEqual(call(layer, false));
  });

  test.each([
    ...kind.refused,
    [{ granularity: 'pixel' }, 'granularity'],
    [{ seed: 1.5 }, 'seed'],
    [{ seed: 2 ** 53 }, 'seed'],
    [{ axis: 0.5 }, 'axis'],
    [{ noise: 'bn' }, 'noise'],
    [{ dtype: 'int32' }, 'dtype'],
  ] as [object, string][])('refuses %j', (args, argument) => {
    expect(() => make(args)).toThrow(new RegExp(`^${className}: ${argument} `));
  });

  test('refuses shapes that do not do', () => {
    const build = (shape: (number | null)[], args = {}) => make(args).build(shape as never);
    expect(() => build([4])).toThrow(/inputShape must have rank 2/);
    expect(() => build([null, 3, null])).toThrow(/inputShape.*axis 2 undefined/);
    expect(() => build([4, 3], { axis: 2 })).toThrow(/axis/);
    expect(() => build([4, 3], { axis: 0, granularity: 'sample' })).toThrow(/batch axis/);
  });

  const model = (args: object = {}) => {
    const kernelInitializer = (seed: number) => norm.initializers.leCunNormal({ seed });
    const made = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [10] }),
        tf.layers.dense({
          name: 'first',
          units: 16,
          useBias: false,
          kernelInitializer: kernelInitializer(1),
          kernelConstraint: norm.constraints.projectNorm(),
        }),
        make({ seed: 3, name: 'noisy', ...args }),
        tf.layers.reLU(),
        tf.layers.dense({ units: 1, kernelInitializer: kernelInitializer(2) }),
      ],
    });
    made.compile({ optimizer: tf.train.sgd(0.02), loss: 'meanSquaredError' });
    return made;
  };
  const fit = async (of: LayersModel) => {
    const x = tensor(normal([64, 10], 5));
    const y = tf.tidy(() => x.sum(1, true).mul(0.3) as Tensor);
    const onBatchEnd = async () => void norm.applyConstraints(of);
    const options = { epochs: 4, batchSize: 16, shuffle: false, callbacks: { onBatchEnd } };
    const { history } = await of.fit(x, y, { ...options, verbose: 0 });
    tf.dispose([x, y]);
    return history.loss as number[];
  };
  const predict = (of: LayersModel) =>
    tf.tidy(() => Float32Array.from(values(of.predict(tensor(normal([9, 10], 6))) as Tensor)));

  test('trains, two equal models to the same bits; leaves nothing behind', async () => {
    await expectNoLeak(async () => {
      const [a, b] = [model(), model()];
      const losses = await fit(a);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
      expect(await fit(b)).toEqual(losses);
      expectSameBits('predictions', predict(b), predict(a));
      // The weights of each unit have norm 1 still.
      const norms = array(() => tf.norm(a.getLayer('first').getWeights()[0]!, 2, 0));
      expectClose('norms', norms, new Float64Array(16).fill(1), { absolute: 1e-6 });
      for (const one of [a, b]) {
        one.optimizer.dispose();
        one.dispose();
      }
    });
  });

  test('saved to disk and loaded, it predicts the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
    const saved = model();
    try {
      await fit(saved);
      await saved.save(`file://${folder}`);
      const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
      expect(loaded.getLayer('noisy').getConfig()).toEqual(saved.getLayer('noisy').getConfig());
      // Weights that are set are projected again.
      expectClose('predictions', predict(loaded), predict(saved), { absolute: 1e-6 });
      loaded.dispose();
    } finally {
      saved.dispose();
      rmSync(folder, { recursive: true });
    }
  });
});
