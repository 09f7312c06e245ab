/** The layers of self-normalizing networks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayersModel, layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const SHAPE = [6, 5, 4, 8];
const X = normal(SHAPE, 1);

function call(layer: layers.Layer, training?: boolean): Float32Array {
  return tf.tidy(() =>
    Float32Array.from(values(layer.apply(tensor(X), { training }) as Tensor) as Float32Array),
  );
}

const array = (of: () => Tensor) => tf.tidy(() => of().dataSync() as Float32Array);

/** The value that there is most of: that of what is dropped. */
function droppedOf(y: Float32Array): number {
  const counts = new Map<number, number>();
  for (const v of y) counts.set(v, (counts.get(v) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

function droppedShare(y: Float32Array): number {
  const dropped = droppedOf(y);
  return y.filter((v) => v === dropped).length / y.length;
}

const EVERY_ARGUMENT = {
  rate: 0.25,
  noiseShape: [null, 1, 1, null],
  seed: 7,
  alpha: 2,
  lambda: 1.5,
  mean: 0.5,
  variance: 2,
};
const DEFAULTS = {
  noiseShape: null,
  seed: null,
  alpha: 1.6732632423543772,
  lambda: 1.0507009873554805,
  mean: 0,
  variance: 1,
};

const makers = {
  NativeAlphaDropout: norm.layers.alphaDropout,
  SeluAlphaDropout: norm.layers.seluAlphaDropout,
} as const;
const inference = {
  NativeAlphaDropout: (x: Tensor) => x,
  SeluAlphaDropout: (x: Tensor) => norm.ops.selu(x),
} as const;

describe.each(Object.entries(makers))('%s', (className, make) => {
  test('has its class name and defaults, and keeps every argument', () => {
    const layer = make({ rate: 0.1 });
    expect(layer.getClassName()).toBe(className);
    expect(layer.getConfig()).toMatchObject({ rate: 0.1, ...DEFAULTS });
    const full = make({ ...EVERY_ARGUMENT, name: 'dropout', trainable: false });
    const config = JSON.parse(JSON.stringify(full.getConfig()));
    expect(config).toMatchObject({ ...EVERY_ARGUMENT, name: 'dropout', trainable: false });
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
    const again = from(type as never, config) as layers.Layer;
    expect(again.constructor).toBe(full.constructor);
    expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
  });

  test('drops in training only', () => {
    const layer = make({ rate: 0.3 });
    const y = call(layer, true);
    expect(droppedShare(y)).toBeGreaterThan(0.2);
    expect(droppedShare(y)).toBeLessThan(0.4);
    const want = array(() => inference[className as 'SeluAlphaDropout'](tensor(X)));
    expectSameBits('y', call(layer, false), want);
    expectSameBits('y', call(layer), want);
  });

  test('every call draws anew; the same seed gives the same sequence', () => {
    const [a, b, c] = [7, 7, 8].map((seed) => make({ rate: 0.5, seed }));
    const first = [call(a!, true), call(a!, true), call(a!, true)];
    expect(first[0]).not.toEqual(first[1]);
    expect(first[1]).not.toEqual(first[2]);
    for (const y of first) {
      // Calls in inference do not count.
      call(b!, false);
      expectSameBits('y', call(b!, true), y);
    }
    expect(call(c!, true)).not.toEqual(first[0]);
  });

  test('layers without a seed draw differently', () => {
    expect(call(make({ rate: 0.5 }), true)).not.toEqual(call(make({ rate: 0.5 }), true));
  });

  test('is the op, with all its arguments', () => {
    const { noiseShape, ...others } = EVERY_ARGUMENT;
    const op = className === 'SeluAlphaDropout' ? norm.ops.seluAlphaDropout : norm.ops.alphaDropout;
    const layer = make(EVERY_ARGUMENT);
    for (const stream of [0, 1]) {
      const want = array(() => op(tensor(X), { ...others, noiseShape, stream }));
      expectSameBits('y', call(layer, true), want);
    }
  });

  test('drops whole channels with noiseShape [null, 1, 1, null]', () => {
    const y = call(make({ rate: 0.5, seed: 3, noiseShape: [null, 1, 1, null] }), true);
    const value = droppedOf(y);
    const [samples, rows, columns, channels] = SHAPE as [number, number, number, number];
    let whole = 0;
    for (let n = 0; n < samples; n++) {
      for (let c = 0; c < channels; c++) {
        const plane = Array.from(
          { length: rows * columns },
          (_, p) => y[(n * rows * columns + p) * channels + c]!,
        );
        const dropped = plane.filter((v) => v === value).length;
        expect([0, plane.length]).toContain(dropped);
        if (dropped > 0) whole++;
      }
    }
    expect(whole).toBeGreaterThan(10);
    expect(whole).toBeLessThan(40);
  });

  test.each([
    [{}, 'rate'],
    [{ rate: 1 }, 'rate'],
    [{ rate: -0.1 }, 'rate'],
    [{ rate: 0.1, seed: 1.5 }, 'seed'],
    [{ rate: 0.1, noiseShape: 'all' }, 'noiseShape'],
    [{ rate: 0.1, alpha: 0 }, 'alpha'],
    [{ rate: 0.1, lambda: Number.NaN }, 'lambda'],
    [{ rate: 0.1, variance: -1 }, 'variance'],
    [{ rate: 0.1, mean: 'zero' }, 'mean'],
    [{ rate: 0.1, probability: 0.2 }, 'probability'],
    [{ rate: 0.1, dtype: 'int32' }, 'dtype'],
  ])('refuses %j', (args, argument) => {
    expect(() => make(args as never)).toThrow(new RegExp(`^${className}: ${argument} `));
  });

  test.each([[[6, 5, 4, 3]], [[1, 6, 5, 4, 8]], [[3]]])(
    'refuses noiseShape %j when it is built',
    (noiseShape) => {
      const layer = make({ rate: 0.1, noiseShape });
      expect(() => layer.build([null, 5, 4, 8])).toThrow(
        new RegExp(`^${className}: noiseShape .*Received`),
      );
    },
  );

  test('passes masks on, and gives the shape that it got', () => {
    const layer = make({ rate: 0.1 });
    expect(layer.supportsMasking).toBe(true);
    const input = tf.input({ shape: [3, null, 8] });
    expect((layer.apply(input) as typeof input).shape).toEqual([null, 3, null, 8]);
  });

  const model = () => {
    const dense = (units: number, seed: number) =>
      tf.layers.dense({ units, kernelInitializer: norm.initializers.leCunNormal({ seed }) });
    const made = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [10] }),
        dense(16, 1),
        make({ rate: 0.1, seed: 3, name: 'dropout' }),
        dense(1, 2),
      ],
    });
    made.compile({ optimizer: tf.train.sgd(0.05), loss: 'meanSquaredError' });
    return made;
  };
  const fit = async (of: LayersModel) => {
    const x = tensor(normal([64, 10], 5));
    const y = tf.tidy(() => x.sum(1, true).mul(0.3) as Tensor);
    const { history } = await of.fit(x, y, {
      epochs: 4,
      batchSize: 16,
      shuffle: false,
      verbose: 0,
    });
    tf.dispose([x, y]);
    return history.loss as number[];
  };
  const predict = (of: LayersModel) =>
    tf.tidy(() => Float32Array.from(values(of.predict(tensor(normal([9, 10], 6))) as Tensor)));

  test('trains; two equal models to the same bits', async () => {
    const [a, b] = [model(), model()];
    const losses = await fit(a);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    expect(await fit(b)).toEqual(losses);
    expectSameBits('predictions', predict(b), predict(a));
    tf.dispose([a.dispose(), b.dispose()] as never);
  });

  test('saved to disk and loaded, it predicts the same and trains on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
    const saved = model();
    try {
      await fit(saved);
      await saved.save(`file://${folder}`);
      const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
      expect(loaded.getLayer('dropout').getConfig()).toEqual(saved.getLayer('dropout').getConfig());
      expect(loaded.layers[0]!.getConfig().kernelInitializer).toEqual(
        saved.layers[0]!.getConfig().kernelInitializer,
      );
      expectSameBits('predictions', predict(loaded), predict(saved));
      loaded.compile({ optimizer: tf.train.sgd(0.05), loss: 'meanSquaredError' });
      const losses = await fit(loaded);
      expect(losses.at(-1)).toBeLessThan(2 * losses[0]!);
      loaded.dispose();
    } finally {
      saved.dispose();
      rmSync(folder, { recursive: true });
    }
  });

  test('leaves nothing behind', async () => {
    await expectNoLeak(async () => {
      const made = model();
      await fit(made);
      made.optimizer.dispose();
      made.dispose();
    });
  });
});

describe('Selu', () => {
  test('is the op, in training and inference', () => {
    const layer = norm.layers.selu({ alpha: 2, lambda: 0.5 });
    const want = array(() => norm.ops.selu(tensor(X), { alpha: 2, lambda: 0.5 }));
    for (const training of [true, false]) expectSameBits('y', call(layer, training), want);
  });

  test('keeps its arguments', () => {
    expect(norm.layers.selu().getConfig()).toMatchObject({
      alpha: DEFAULTS.alpha,
      lambda: DEFAULTS.lambda,
    });
    const config = norm.layers.selu({ alpha: 2, lambda: 0.5, name: 's' }).getConfig();
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap.Selu!;
    expect((from(type as never, config) as layers.Layer).getConfig()).toEqual(config);
  });

  test.each([
    [{ alpha: 0 }, 'alpha'],
    [{ lambda: -1 }, 'lambda'],
    [{ scale: 1 }, 'scale'],
  ])('refuses %j', (args, argument) => {
    expect(() => norm.layers.selu(args as never)).toThrow(new RegExp(`^Selu: ${argument} `));
  });

  test('agrees with the activation of tfjs', () => {
    tf.tidy(() => {
      const stock = tf.layers.activation({ activation: 'selu' }).apply(tensor(X)) as Tensor;
      expectClose('y', norm.layers.selu().apply(tensor(X)) as Tensor, stock, { absolute: 5e-7 });
    });
  });
});
