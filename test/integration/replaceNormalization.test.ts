/** Normalization layers of built models, replaced by other kinds. */
import type { LayersModel, layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { expectClose, expectSameBits } from '../support/expectClose';
import {
  compile,
  findLayer,
  functional,
  models,
  predictions,
  saveAndLoad,
  train,
  weightsOf,
} from '../support/models';
import { memory } from '../support/tensors';

const BN = 'BatchNormalization';
const flagsOf = (layer: layers.Layer) =>
  Object.fromEntries(layer.weights.map((w) => [w.originalName.split('/').at(-1)!, w.trainable]));
const toGroups = { from: BN, to: 'GroupNormalization', groups: 2 };

describe.each(models)('%s', (_, make) => {
  let model: LayersModel;
  beforeEach(async () => {
    // Trained first, so that statistics and parameters are not their initial values.
    model = make();
    compile(model);
    await train(model);
  });
  afterEach(() => model.dispose());

  test('the new layer has the place, name and parameters of the old one', () => {
    const layer = findLayer(model, 'bn');
    const before = weightsOf(layer);
    const names = model.weights.map((w) => w.originalName);
    const report = norm.replaceNormalization(model, toGroups);
    expect(report).toEqual({
      model,
      replaced: [{ name: 'bn', from: BN, to: 'GroupNormalization' }],
      kept: [],
    });
    expect(findLayer(model, 'bn')).toBe(layer);
    expect(layer).toBeInstanceOf(norm.layers.GroupNormalization);
    expect(weightsOf(layer)).toEqual({ gamma: before.gamma, beta: before.beta });
    expect(findLayer(model, 'ln').getClassName()).toBe('LayerNormalization');
    expect(model.weights.map((w) => w.originalName)).toEqual(
      names.filter((name) => !name.includes('moving_')),
    );
  });

  test('predicts as the new layer does', () => {
    norm.replaceNormalization(model, toGroups);
    const got = predictions(model);
    // The same weights, in a model whose layer is another new one.
    const layer = findLayer(model, 'bn');
    const { gamma, beta } = weightsOf(layer);
    layer.call = (x: Tensor | Tensor[]) => {
      const [input] = [x].flat() as [Tensor];
      const axis = layer.getConfig().axis as number;
      const parameters = { gamma: tf.tensor1d(gamma!), beta: tf.tensor1d(beta!) };
      return norm.ops.groupNorm(input, { ...parameters, axis, groups: 2 });
    };
    expectClose('predictions', got, predictions(model), { absolute: 1e-6 });
  });

  test('saves to disk and loads back', async () => {
    norm.replaceNormalization(model, { from: BN, to: 'switchableNormalization', momentum: 0.5 });
    await train(model);
    await saveAndLoad(model, async (loaded) => {
      expectSameBits('predictions', predictions(loaded), predictions(model));
      compile(loaded);
      const losses = await train(loaded);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
    });
  });

  test('useNativeOps before it, after it, and it a second time', () => {
    norm.useNativeOps(model);
    const first = norm.replaceNormalization(model, toGroups);
    expect(first.replaced).toEqual([
      { name: 'bn', from: 'NativeBatchNormalization', to: 'GroupNormalization' },
    ]);
    const want = predictions(model);
    expect(norm.useNativeOps(model).replaced).toEqual([]);
    expect(norm.replaceNormalization(model, toGroups).replaced).toEqual([]);
    expectSameBits('predictions', predictions(model), want);
  });

  test('what is not trainable stays so', async () => {
    findLayer(model, 'bn').trainable = false;
    norm.replaceNormalization(model, { from: BN, to: 'SwitchableNormalization' });
    expect(findLayer(model, 'bn').trainable).toBe(false);
    expect(findLayer(model, 'bn').trainableWeights).toEqual([]);
    expect(model.weights.filter((w) => w.originalName.includes('logits'))).toHaveLength(2);
  });

  test('in a model that is made untrainable, and trainable again', () => {
    const flags = () => {
      const { gamma, beta } = flagsOf(findLayer(model, 'bn'));
      return { gamma, beta };
    };
    model.trainable = false;
    const before = flags();
    norm.replaceNormalization(model, toGroups);
    expect(flags()).toEqual(before);
    model.trainable = true;
    expect(model.trainableWeights.map((w) => w.originalName)).toContain('bn/gamma');
  });

  test('leaves no more behind than the stock model does', async () => {
    const left = async (change: (other: LayersModel) => void) => {
      const before = memory();
      const other = make();
      compile(other);
      await train(other, 1);
      change(other);
      await train(other, 1);
      other.dispose();
      const after = memory();
      return { tensors: after.tensors - before.tensors, liveBytes: after.liveBytes };
    };
    const stock = await left(() => {});
    const replaced = await left((other) => {
      norm.replaceNormalization(other, toGroups);
      norm.replaceNormalization(other, { from: 'GroupNormalization', to: 'BatchNormalization' });
    });
    expect(replaced).toEqual(stock);
  });
});

describe.each(['sgd', 'momentum', 'adam', 'adamax', 'adadelta', 'adagrad', 'rmsprop'])(
  'a model compiled with %s',
  (name) => {
    const make = () =>
      name === 'momentum' ? tf.train.momentum(0.02, 0.9) : tf.train[name as 'sgd'](0.02);

    test('goes on training, as one that is compiled anew', async () => {
      const run = async (anew: boolean) => {
        const model = functional();
        const optimizer = make();
        compile(model, optimizer);
        await train(model, 2);
        norm.replaceNormalization(model, { from: BN, to: 'SwitchableNormalization' });
        expect(model.optimizer).toBe(optimizer);
        if (anew) compile(model, make());
        const before = weightsOf(model.getLayer('bn'));
        const losses = await train(model, 2);
        const after = weightsOf(model.getLayer('bn'));
        for (const weight of ['gamma', 'beta', 'mean_logits', 'moving_mean']) {
          expect([weight, after[weight]]).not.toEqual([weight, before[weight]]);
        }
        model.dispose();
        model.optimizer.dispose();
        return losses;
      };
      expect(await run(false)).toEqual(await run(true));
    });
  },
);
