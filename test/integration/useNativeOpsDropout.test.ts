/** Stock tfjs models, their alpha dropout layers replaced. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectSameBits, values } from '../support/expectClose';
import { compile, dense, INPUT, predictions, saveAndLoad, train } from '../support/models';
import { tensor } from '../support/tensors';

describe('alpha dropout', () => {
  const network = (rate = 0.1, noiseShape?: number[]) => {
    const stock = tf.layers.alphaDropout({ rate, noiseShape, name: 'dropout' } as never);
    return tf.sequential({
      layers: [tf.layers.inputLayer({ inputShape: [40] }), stock],
    });
  };
  const meanOf = (model: LayersModel) =>
    tf.tidy(() => {
      const x = tensor(normal([2500, 40], 1));
      return tf.mean(model.apply(x, { training: true }) as Tensor).dataSync()[0]!;
    });

  test('is replaced, and then keeps the mean, which the stock layer does not', () => {
    const model = network();
    expect(Math.abs(meanOf(model) - 0.32)).toBeLessThan(0.02);
    expect(norm.useNativeOps(model).replaced).toEqual([
      { name: 'dropout', from: 'AlphaDropout', to: 'NativeAlphaDropout' },
    ]);
    expect(Math.abs(meanOf(model))).toBeLessThan(0.016);
    expect(norm.useNativeOps(model).replaced).toEqual([]);
    tf.tidy(() => {
      const x = tensor(normal([3, 40], 2));
      expectSameBits('inference', model.predict(x) as Tensor, x);
    });
    const layer = model.getLayer('dropout');
    expect(layer).toBeInstanceOf(norm.layers.AlphaDropout);
    expect(layer.getConfig()).toMatchObject({ rate: 0.1, noiseShape: null, seed: null });
    model.dispose();
  });

  test('draws anew in every call, and natively', () => {
    const model = network(0.5);
    norm.useNativeOps(model);
    norm.resetCounters();
    tf.tidy(() => {
      const x = tf.ones([4, 40]);
      const [a, b] = [0, 1].map(() => model.apply(x, { training: true }) as Tensor);
      expect(values(a!)).not.toEqual(values(b!));
    });
    expect(norm.counters().opCalls).toBe(native ? 2 : 0);
    model.dispose();
  });

  test('keeps its noise shape', () => {
    const model = network(0.5, [1, 40]);
    norm.useNativeOps(model);
    expect(model.getLayer('dropout').getConfig().noiseShape).toEqual([1, 40]);
    tf.tidy(() => {
      const y = model.apply(tf.ones([4, 40]), { training: true }) as Tensor;
      const [first, second] = tf.unstack(y) as [Tensor, Tensor];
      expectSameBits('rows', second, first);
    });
    model.dispose();
  });

  test.each([
    [1, undefined, /rate must be .*got 1/],
    [0.5, 'all' as never, /noiseShape must be .*got 'all'/],
  ])('stays where it cannot be: rate %d, noise shape %p', (rate, noiseShape, reason) => {
    const model = network(rate, noiseShape);
    const { replaced, kept } = norm.useNativeOps(model);
    expect(replaced).toEqual([]);
    expect(kept).toEqual([
      { name: 'dropout', className: 'AlphaDropout', reason: expect.stringMatching(reason) },
    ]);
    model.dispose();
  });

  test('trains, is saved and loaded with the rest of the model', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: INPUT }),
        tf.layers.flatten(),
        dense(8),
        tf.layers.alphaDropout({ rate: 0.1, name: 'dropout' }),
        dense(2),
      ],
    });
    norm.useNativeOps(model);
    compile(model);
    await train(model);
    await saveAndLoad(model, (loaded) => {
      expectSameBits('predictions', predictions(loaded), predictions(model));
      expect(loaded.getLayer('dropout').getClassName()).toBe('NativeAlphaDropout');
    });
    model.dispose();
  });
});
