import type { layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';
import { everyLayer, inputOf, weightOf, withKernel } from './wrapped';

type Args = Parameters<typeof norm.layers.weightNormalization>[0];
const wrap = (layer: layers.Layer, args: Partial<Args> = {}) =>
  norm.layers.weightNormalization({ layer, ...args });
const valuesOf = (layer: layers.Layer, name: string) => [
  ...weightOf(layer, name).read().dataSync(),
];
/** Of each output over all other axes: mean and deviation. */
const momentsOf = (y: Tensor) => {
  const { mean, variance } = tf.moments(
    y,
    y.shape.slice(0, -1).map((_, i) => i),
  );
  return [mean, tf.sqrt(variance)] as const;
};

describe.each(everyLayer)('weightNormalization of $name', (wrapped) => {
  const { name, make, shape, kernel, axis, gains, recurrent = false } = wrapped;

  test('computes what the layer would, and with other gains what the op makes of the kernel', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const args = recurrent ? {} : { activation: 'relu' };
        const layer = wrap(make(args), { center: true, epsilon: 1e-6 });
        const x = inputOf(wrapped);
        const before = layer.apply(x) as Tensor;
        const v = weightOf(layer, kernel).read();
        const g = weightOf(layer, 'g');
        expect(g.shape).toEqual(gains);
        const mean = norm.ops.weightNorm(v, { axis, g: g.read(), center: true });
        const plain = withKernel(wrapped, args, layer, mean);
        expectClose('at the start', before, (plain.apply(x) as Tensor).dataSync());
        g.write(tensor(normal(gains, 3, { mean: 1 })));
        const w = norm.ops.weightNorm(v, { axis, g: g.read(), center: true, epsilon: 1e-6 });
        const other = withKernel(wrapped, args, layer, w);
        expectClose('y', layer.apply(x) as Tensor, (other.apply(x) as Tensor).dataSync());
        for (const one of [layer, plain, other]) disposeLayer(one);
      }),
    );
  });

  // tfjs has no gradient of transposed convolutions in three dimensions.
  const trained = name === 'conv3dTranspose' ? test.skip : test;
  trained('trains, saves, loads and predicts the same', async () => {
    await expectNoLeak(async () => {
      const inner = wrap(make(), { dataInit: !recurrent, inputShape: shape.slice(1) });
      const model = tf.sequential({
        layers: [
          inner,
          ...(shape.length > 3 || (shape.length > 2 && !recurrent) ? [tf.layers.flatten()] : []),
        ],
      });
      model.add(tf.layers.dense({ units: 1 }));
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      const x = inputOf(wrapped);
      const y = tf.ones([shape[0]!, 1]);
      const [v, g] = [valuesOf(inner, kernel), valuesOf(inner, 'g')];
      await model.fit(x, y, { epochs: 3, batchSize: shape[0], verbose: 0 });
      expect(valuesOf(inner, kernel)).not.toEqual(v);
      expect(valuesOf(inner, 'g')).not.toEqual(g);
      expect(valuesOf(inner, 'initialized')).toEqual([1]);
      const want = model.predict(x) as Tensor;
      await saveAndLoad(model, (loaded) => {
        expect(loaded.layers[0]).toBeInstanceOf(norm.layers.WeightNormalization);
        tf.tidy(() => {
          expectClose('loaded', loaded.predict(x) as Tensor, want.dataSync(), { absolute: 0 });
        });
      });
      tf.dispose([x, y, want]);
      model.dispose();
    });
  });

  if (recurrent) return;
  test('dataInit gives outputs before the activation mean 0 and deviation initScale', () => {
    tf.tidy(() => {
      const args = { activation: 'relu', biasInitializer: 'ones' };
      const layer = wrap(make(args), { initScale: 0.5 });
      const x = inputOf(wrapped);
      const first = layer.apply(x, { training: true }) as Tensor;
      const w = norm.ops.weightNorm(weightOf(layer, kernel).read(), {
        axis,
        g: weightOf(layer, 'g').read(),
      });
      const linear = withKernel(wrapped, {}, layer, w);
      const y = linear.apply(x) as Tensor;
      const [mean, deviation] = momentsOf(y);
      expectClose('mean', mean, Array(mean.size).fill(0), { absolute: 1e-5 });
      expectClose('deviation', deviation, Array(mean.size).fill(0.5), { absolute: 1e-5 });
      expectClose('first', first, tf.relu(y).dataSync());
      const g = valuesOf(layer, 'g');
      layer.apply(inputOf(wrapped, 2), { training: true });
      expect(valuesOf(layer, 'g')).toEqual(g);
      disposeLayer(layer);
      disposeLayer(linear);
    });
  });
});

describe('weightNormalization', () => {
  const dense = (args: object = {}) => tf.layers.dense({ units: 3, ...args });
  let warnings: jest.SpyInstance;
  beforeEach(() => {
    warnings = jest.spyOn(console, 'warn').mockImplementation(() => {});
  });
  afterEach(() => warnings.mockRestore());

  test('keeps every argument through JSON', () => {
    const args = {
      axis: [0, 1],
      dataInit: false,
      initScale: 0.5,
      center: true,
      epsilon: 1e-6,
      gInitializer: norm.initializers.weightNormGain({ role: 'linear', variant: 'backward' }),
      gRegularizer: tf.regularizers.l2({ l2: 0.5 }),
      gConstraint: tf.constraints.nonNeg(),
      name: 'wrapped',
      trainable: false,
    };
    const layer = wrap(dense({ name: 'inner' }), args as never);
    const config = JSON.parse(JSON.stringify(layer.getConfig()));
    const { WeightNormalization } = norm.layers;
    const again = WeightNormalization.fromConfig(WeightNormalization as never, config);
    expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
    expect(config).toMatchObject({
      axis: [0, 1],
      dataInit: false,
      initScale: 0.5,
      center: true,
      epsilon: 1e-6,
      gInitializer: { className: 'WeightNormGain', config: { role: 'linear' } },
      gRegularizer: { config: { l2: 0.5 } },
      gConstraint: { className: 'NonNeg' },
      layer: { className: 'Dense', config: { name: 'inner' } },
      trainable: false,
    });
    expect((again as unknown as layers.Layer).trainable).toBe(false);
  });

  test('has its weights in order, and those of a frozen layer are not trainable', () => {
    const layer = wrap(dense());
    layer.build([2, 4]);
    const names = (of: layers.Layer['weights']) => of.map((w) => w.originalName.split('/').at(-1));
    expect(names(layer.trainableWeights)).toEqual(['g', 'kernel', 'bias']);
    expect(names(layer.nonTrainableWeights)).toEqual(['initialized']);
    layer.trainable = false;
    expect(layer.trainableWeights).toEqual([]);
    expect(names(layer.nonTrainableWeights)).toHaveLength(4);
    const g = valuesOf(layer, 'g');
    tf.tidy(() => void layer.apply(tf.randomNormal([8, 4]), { training: true }));
    expect(valuesOf(layer, 'g')).toEqual(g);
    disposeLayer(layer);
  });

  test('regularizers of the layer inside and of g are losses', () => {
    const l2 = () => tf.regularizers.l2({ l2: 1 });
    const layer = wrap(dense({ kernelRegularizer: l2(), kernelInitializer: 'ones' }), {
      gRegularizer: l2(),
    });
    layer.build([null, 4]);
    // 12 ones, and three norms of 2.
    const losses = tf.tidy(() => layer.calculateLosses().map((loss) => loss.dataSync()[0]));
    expect(losses).toEqual([12, 12]);
    disposeLayer(layer);
  });

  test('gInitializer makes g from the fans of the layer', () => {
    const layer = wrap(dense(), { gInitializer: norm.initializers.weightNormGain() });
    layer.build([null, 6]);
    expect(valuesOf(layer, 'g')).toEqual([2, 2, 2]);
    expect(valuesOf(layer, 'initialized')).toEqual([1]);
    disposeLayer(layer);
  });

  test('a zero column stays zero, with finite gradients', () => {
    tf.tidy(() => {
      const layer = wrap(dense({ kernelInitializer: 'zeros' }), { dataInit: false });
      const x = tf.ones([2, 4]);
      layer.build([2, 4]);
      layer.built = true;
      const { value, grads } = tf.variableGrads(() => tf.sum(layer.apply(x) as Tensor) as never);
      expect(value.dataSync()[0]).toBe(0);
      const all = Object.values(grads).flatMap((gradient) => [...gradient.dataSync()]);
      expect(all).toHaveLength(3 + 12 + 3);
      expect(all.every(Number.isFinite)).toBe(true);
      disposeLayer(layer);
    });
  });

  test('a gain of zero gives zeros, and learns', () => {
    tf.tidy(() => {
      const layer = wrap(dense({ useBias: false }), { gInitializer: 'zeros' });
      const x = tf.randomNormal([8, 4], 0, 1, 'float32', 3);
      layer.build([8, 4]);
      layer.built = true;
      const loss = () => tf.sum(tf.square(tf.sub(layer.apply(x) as Tensor, 1))) as never;
      const { value, grads } = tf.variableGrads(loss);
      expect(value.dataSync()[0]).toBe(24);
      const [g, v] = ['g', 'kernel'].map((name) => {
        const of = ([key]: [string, Tensor]) => key.split('/').at(-1)!.startsWith(name);
        const [, gradient] = Object.entries(grads).find(of)!;
        return [...gradient.dataSync()];
      });
      expect(g!.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
      expect(v!.every((value) => value === 0)).toBe(true);
      disposeLayer(layer);
    });
  });

  test('a layer that is built keeps its weights', () => {
    tf.tidy(() => {
      const inner = dense();
      const x = tf.randomNormal([2, 4], 0, 1, 'float32', 1);
      const want = inner.apply(x) as Tensor;
      const layer = wrap(inner);
      expectClose('y', layer.apply(x) as Tensor, want.dataSync());
      disposeLayer(layer);
    });
  });

  test('a first batch of one value for each output is warned of and leaves g alone', () => {
    const layer = wrap(dense());
    layer.build([1, 4]);
    const g = valuesOf(layer, 'g');
    tf.tidy(() => {
      layer.apply(tf.ones([1, 4]), { training: true });
      layer.apply(tf.randomNormal([8, 4]), { training: true });
    });
    expect(valuesOf(layer, 'g')).toEqual(g);
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(warnings.mock.calls[0][0]).toMatch(/single value/);
    disposeLayer(layer);
  });

  test('constant outputs on the first batch are warned of', () => {
    const layer = wrap(dense());
    tf.tidy(() => void layer.apply(tf.ones([8, 4]), { training: true }));
    expect(warnings.mock.calls[0][0]).toMatch(/3 of 3 outputs are constant/);
    disposeLayer(layer);
  });

  test('remove gives the layer inside with the kernel as it is used', () => {
    tf.tidy(() => {
      const layer = wrap(dense(), { gInitializer: 'ones' });
      const x = tf.randomNormal([2, 4], 0, 1, 'float32', 1);
      const want = layer.apply(x) as Tensor;
      expectClose('y', layer.remove().apply(x) as Tensor, want.dataSync(), { absolute: 1e-6 });
      disposeLayer(layer);
    });
  });

  const build = (layer: layers.Layer, args: object = {}, shape = [null, 4, 4, 2]) => {
    const wrapper = wrap(layer, args);
    wrapper.build(shape as never);
  };
  test.each<[string, () => void, RegExp]>([
    ['no layer', () => wrap(undefined as never), /WeightNormalization: layer must be a layer/],
    [
      'flatten',
      () => build(tf.layers.flatten()),
      /layer must have a kernel\. Received: layer='Flatten'/,
    ],
    [
      'stacked cells',
      () =>
        build(
          tf.layers.rnn({ cell: [0, 1].map(() => tf.layers.gruCell({ units: 2 })) } as never),
          {},
          [null, 3, 2],
        ),
      /one cell with a recurrent kernel/,
    ],
    ['itself', () => build(wrap(dense()), {}, [null, 4]), /wrap the layer inside of it/],
    [
      'time distributed',
      () => build(tf.layers.timeDistributed({ layer: dense() })),
      /wrap the layer inside of it/,
    ],
    [
      'fan-in 1 with centering',
      () => build(dense(), { center: true }, [null, 1]),
      /two weights or more for each output/,
    ],
    ['an axis out of range', () => build(dense(), { axis: 2 }, [null, 4]), /axis/],
    ['initScale 0', () => wrap(dense(), { initScale: 0 }), /initScale must be/],
    ['epsilon 0', () => wrap(dense(), { epsilon: 0 }), /epsilon/],
    ['both', () => wrap(dense(), { dataInit: true, gInitializer: 'ones' }), /dataInit must be/],
    ['another argument', () => wrap(dense(), { rate: 1 } as never), /rate is not an argument/],
    [
      'dataInit with one gain',
      () =>
        tf.tidy(() => {
          wrap(dense(), { axis: null, dataInit: true }).apply(tf.ones([2, 4]), { training: true });
        }),
      /a gain for each of the 3 outputs/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(message);
  });
});
