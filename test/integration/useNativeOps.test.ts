/** Stock tfjs models, their normalization layers replaced. */
import type { LayersModel } from '@tensorflow/tfjs';
import { norm } from '../../src';
import { native } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { compile, models, predictions, saveAndLoad, sequential, train } from '../support/models';
import { memory } from '../support/tensors';

describe.each(models)('%s', (_, make) => {
  let model: LayersModel;
  beforeEach(async () => {
    // Trained first, so that statistics and parameters are not their initial values.
    model = make();
    compile(model);
    await train(model);
  });
  afterEach(() => model.dispose());

  test('predicts the same after useNativeOps, through native calls', () => {
    const want = predictions(model);
    const names = model.weights.map((w) => w.originalName);
    const report = norm.useNativeOps(model);
    expect(report.model).toBe(model);
    expect(report.replaced.map(({ name }) => name).sort()).toEqual(['bn', 'ln']);
    expect(report.replaced.map(({ from }) => from).sort()).toEqual([
      'BatchNormalization',
      'LayerNormalization',
    ]);
    expect(report.replaced.map(({ to }) => to).sort()).toEqual([
      'NativeBatchNormalization',
      'NativeLayerNormalization',
    ]);
    norm.resetCounters();
    expectClose('predictions', predictions(model), want, { absolute: 1e-5, relative: 1e-5 });
    expect(norm.counters().opCalls > 0).toBe(native);
    expect(model.weights.map((w) => w.originalName)).toEqual(names);
  });

  test('reports nothing left to replace the second time', () => {
    norm.useNativeOps(model);
    expect(norm.useNativeOps(model).replaced).toEqual([]);
  });

  test('trains as the stock model does', async () => {
    const other = make();
    compile(other);
    await train(other);
    norm.useNativeOps(other);
    compile(other);
    compile(model);
    const want = await train(model, 4);
    const got = await train(other, 4);
    expectClose('losses', got, want, { relative: 1e-3 });
    expectClose('predictions', predictions(other), predictions(model), {
      absolute: 2e-3,
      relative: 1e-2,
    });
    other.dispose();
  });

  test('saves to disk and loads back', async () => {
    norm.useNativeOps(model);
    compile(model);
    await train(model);
    await saveAndLoad(model, async (loaded) => {
      expectSameBits('predictions', predictions(loaded), predictions(model));
      compile(loaded);
      const losses = await train(loaded);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
    });
  });

  test('keeps what is not trainable', () => {
    model.getLayer('ln').trainable = false;
    norm.useNativeOps(model);
    expect(model.getLayer('ln').trainable).toBe(false);
    expect(model.getLayer('ln').getClassName()).toBe('NativeLayerNormalization');
  });

  test('leaves no more behind than the stock model does', async () => {
    // A shared layer of tfjs outlives its model: its reference count starts at the number of its calls.
    const left = async (change: (other: LayersModel) => void) => {
      const before = memory();
      const other = make();
      change(other);
      compile(other);
      await train(other, 1);
      other.dispose();
      const after = memory();
      return { tensors: after.tensors - before.tensors, liveBytes: after.liveBytes };
    };
    const stock = await left(() => {});
    expect(await left((other) => void norm.useNativeOps(other))).toEqual(stock);
  });
});

test('a stock model loaded from disk, then replaced, predicts the same', async () => {
  const model = sequential();
  await saveAndLoad(model, (loaded) => {
    norm.useNativeOps(loaded);
    expectClose('predictions', predictions(loaded), values(predictions(model)), {
      absolute: 1e-5,
      relative: 1e-5,
    });
  });
  model.dispose();
});
