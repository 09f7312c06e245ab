import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import { constant } from '../support/table';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';

const layerOf = (args: object = {}) => norm.layers.attentiveNormalization({ k: 3, ...args });
const namesOf = (layer: ReturnType<typeof layerOf>) =>
  layer.weights.map(({ originalName }) => originalName.split('/').pop());

describe('attentiveNormalization', () => {
  let warnings: jest.SpyInstance;
  beforeEach(() => {
    warnings = jest.spyOn(console, 'warn').mockImplementation(() => {});
  });
  afterEach(() => warnings.mockRestore());

  test('starts as the authors do', () => {
    const layer = norm.layers.attentiveNormalization({ k: 20 });
    layer.build([null, 4, 4, 256]);
    const [gamma, beta, kernel, attentionGamma, attentionBeta] = layer.getWeights();
    tf.tidy(() => {
      const expectNormal = (of: Tensor, mean: number, deviation: number) => {
        const moments = tf.moments(of);
        expectClose('mean', moments.mean, [mean], { absolute: 0.1 * deviation });
        expectClose('deviation', tf.sqrt(moments.variance), [deviation], { relative: 0.05 });
      };
      expectNormal(gamma!, 1, 0.1);
      expectNormal(beta!, 0, 0.1);
      expectNormal(kernel!, 0, Math.sqrt(2 / 20));
    });
    expect(new Set(attentionGamma!.dataSync())).toEqual(new Set([1]));
    expect(new Set(attentionBeta!.dataSync())).toEqual(new Set([0]));
    disposeLayer(layer);
  });

  test('lastGamma starts gamma and beta at 0, unless their initializers are given', () => {
    const starts = [{ lastGamma: true }, { lastGamma: true, betaInitializer: constant(2) }];
    const values = starts.map((args) => {
      const layer = layerOf({ k: 1, ...args });
      layer.build([null, 4, 4, 2]);
      const [gamma, beta] = layer.getWeights().map((weight) => [...weight.dataSync()]);
      disposeLayer(layer);
      return [gamma, beta];
    });
    expect(values).toEqual([
      [
        [0, 0],
        [0, 0],
      ],
      [
        [0, 0],
        [2, 2],
      ],
    ]);
  });

  test.each([
    [{}, ['attention_gamma', 'attention_beta', 'moving', 'attention_moving']],
    [{ attentionNorm: 'none' }, ['attention_bias', 'moving']],
    [{ attentionNorm: 'none', attentionUseBias: false }, ['moving']],
    [
      { attentionNorm: 'layer', attentionUseBias: true, backbone: 'group', groups: 2 },
      ['attention_bias', 'attention_gamma', 'attention_beta'],
    ],
  ])('%j has the weights it needs', (args, more) => {
    const layer = layerOf(args);
    layer.build([null, 4, 6]);
    const expanded = more.flatMap((name) =>
      name.endsWith('moving') ? [`${name}_mean`, `${name}_variance`] : [name],
    );
    expect(namesOf(layer)).toEqual(['gamma', 'beta', 'attention_kernel', ...expanded]);
    disposeLayer(layer);
  });

  test('trains with every option and saves what it learned', async () => {
    await expectNoLeak(async () => {
      for (const args of [
        { backbone: 'group', groups: 2, attentionNorm: 'layer', attentionActivation: 'softmax' },
        { attentionNorm: 'none', attentionActivation: 'sigmoid', squeeze: 'mean' },
        { axis: 1, attentionUseBias: true, unbiasedSqueezeVariance: false },
      ]) {
        const model = tf.sequential({
          layers: [
            tf.layers.inputLayer({ inputShape: [4, 3, 6] }),
            layerOf({ name: 'norm', ...args }),
            tf.layers.flatten(),
            tf.layers.dense({ units: 1 }),
          ],
        });
        model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
        const [x, y] = [tensor(normal([16, 4, 3, 6], 1)), tensor(normal([16, 1], 2))];
        const layer = model.getLayer('norm');
        const before = layer.getWeights().map((weight) => [...weight.dataSync()]);
        await model.fit(x, y, { epochs: 2, batchSize: 8, verbose: 0 });
        const after = layer.getWeights().map((weight) => [...weight.dataSync()]);
        const names = namesOf(layer as never);
        const same = names.filter((_, i) => `${before[i]}` === `${after[i]}`);
        // Batch norm of the logits takes a bias off again.
        expect(same.filter((name) => name !== 'attention_bias')).toEqual([]);
        const loaded = await tf.models.modelFromJSON(JSON.parse(model.toJSON() as string));
        expect(loaded.getLayer('norm').getConfig()).toEqual(layer.getConfig());
        loaded.dispose();
        tf.dispose([x, y]);
        model.dispose();
      }
    });
  });

  test('regularizers and constraints reach the attention weights', async () => {
    const layer = layerOf({
      name: 'norm',
      attentionKernelRegularizer: { className: 'L1L2', config: { l1: 0, l2: 2 } },
      attentionBetaConstraint: { className: 'NonNeg', config: {} },
      attentionBetaInitializer: constant(-1),
    });
    const model = tf.sequential({
      layers: [tf.layers.inputLayer({ inputShape: [4, 6] }), layer, tf.layers.flatten()],
    });
    model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' });
    const [x, y] = [tensor(normal([8, 4, 6], 1)), tf.zeros([8, 24])];
    const penalty = tf.tidy(() => 2 * layer.getWeights()[2]!.square().sum().dataSync()[0]!);
    const { history } = await model.fit(x, y, { epochs: 1, batchSize: 8, verbose: 0 });
    expect(history.loss![0]).toBeGreaterThan(penalty);
    // tfjs applies constraints where weights are written, not where its optimizers update them.
    tf.tidy(() => layer.setWeights(layer.getWeights().map((weight) => weight.neg())));
    const beta = layer.getWeights()[namesOf(layer).indexOf('attention_beta')]!;
    expect([...beta.dataSync()].every((value) => value > 0)).toBe(true);
    tf.tidy(() => layer.setWeights(layer.getWeights().map((weight) => weight.neg())));
    expect([...beta.dataSync()]).toEqual([0, 0, 0]);
    tf.dispose([x, y]);
    model.dispose();
  });

  test.each(['layer', 'model'])(
    'an untrainable %s uses and keeps its moving statistics',
    (what) => {
      tf.tidy(() => {
        const layer = layerOf({ name: 'norm' });
        const model = tf.sequential({
          layers: [tf.layers.inputLayer({ inputShape: [3, 4] }), layer],
        });
        (what === 'layer' ? layer : model).trainable = false;
        const before = layer.getWeights().map((weight) => [...weight.dataSync()]);
        const x = tensor(normal([9, 3, 4], 3, { mean: 2 }));
        const y = layer.apply(x, { training: true }) as Tensor;
        expectClose('y', y, layer.apply(x, { training: false }) as Tensor, { absolute: 0 });
        expect(layer.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
        model.dispose();
      });
    },
  );

  test('warns once for each layer that trains on few samples, with what to do', () => {
    tf.tidy(() => {
      const [few, enough] = [ones(7), ones(8)];
      const layer = layerOf({ name: 'small' });
      layer.apply(enough, { training: true });
      layer.apply(few, { training: false });
      expect(warnings).not.toHaveBeenCalled();
      layer.apply(few, { training: true });
      layer.apply(few, { training: true });
      expect(warnings).toHaveBeenCalledTimes(1);
      expect(warnings.mock.calls[0]![0]).toMatch(
        /^tfjs-cuda-norm: layer small: .*7 samples.*attentionNorm: 'layer' or 'none'/,
      );
      const others = ['layer', 'none'].map((attentionNorm) => layerOf({ attentionNorm }));
      for (const other of others) other.apply(few, { training: true });
      expect(warnings).toHaveBeenCalledTimes(1);
      const second = layerOf({});
      second.apply(ones(1), { training: true });
      expect(warnings).toHaveBeenCalledTimes(2);
      expect(warnings.mock.calls[1]![0]).toContain('1 sample is poor');
      for (const one of [layer, second, ...others]) disposeLayer(one);
    });
  });
});

const ones = (samples: number) => tf.ones([samples, 3, 4]);
