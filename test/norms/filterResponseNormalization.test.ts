/** The layer of filter response norm and its threshold: weights, TF-Addons' models, training. */
import type { io, LayersModel, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import type { Layer } from '../support/describeNormalizer';
import { expectClose, expectSameBits } from '../support/expectClose';
import { disposeLayer, tensor, withGradients } from '../support/tensors';

const { filterResponseNormalization, tlu } = norm.layers;
const weightsOf = (layer: Layer) =>
  layer.weights.map(({ originalName, shape }) => [originalName.split('/').pop(), shape]);
const image = (seed = 1, shape = [2, 4, 5, 3]) => tensor(normal(shape, seed, { mean: 0.5 }));

/** A model as the TensorFlow.js converter writes it, from one layer's Python configuration. */
const fromPython = (
  className: string,
  config: object,
  weights: Record<string, { shape: number[]; values: number[] }>,
): Promise<LayersModel> => {
  const flat = Float32Array.from(Object.values(weights).flatMap(({ values }) => values));
  const artifacts = {
    modelTopology: {
      class_name: 'Sequential',
      config: [
        {
          class_name: className,
          config: {
            name: 'layer',
            trainable: true,
            dtype: 'float32',
            batch_input_shape: [null, 4, 5, 3],
            ...config,
          },
        },
      ],
      keras_version: '2.15.0',
      backend: 'tensorflow',
    },
    weightSpecs: Object.entries(weights).map(([name, { shape }]) => ({
      name: `layer/${name}`,
      shape,
      dtype: 'float32',
    })),
    weightData: flat.buffer,
  };
  return tf.loadLayersModel(tf.io.fromMemory(artifacts as never));
};

const parts = (name: string) => ({
  [`${name}_initializer`]: { class_name: 'Zeros', config: {} },
  [`${name}_regularizer`]: null,
  [`${name}_constraint`]: null,
});
const GAMMA = [1.5, -0.5, 2];
const BETA = [0.25, 0.5, -1];

describe('filterResponseNormalization', () => {
  test.each<[object, [string, number[]][]]>([
    [{ tlu: true }, [['tau', [3]]]],
    [{ learnedEpsilon: true }, [['learned_epsilon', [1]]]],
    [
      { tlu: true, learnedEpsilon: 'perChannel' },
      [
        ['tau', [3]],
        ['learned_epsilon', [3]],
      ],
    ],
  ])('has the weights of %j', (args, own) => {
    const layer = filterResponseNormalization(args as never);
    layer.build([2, 4, 5, 3]);
    expect(weightsOf(layer)).toEqual([['gamma', [3]], ['beta', [3]], ...own]);
    const learned = layer.getWeights().slice(own[0]![0] === 'tau' ? 3 : 2);
    for (const weight of learned) {
      for (const value of weight.dataSync()) expect(value).toBe(Math.fround(1e-4));
    }
    disposeLayer(layer);
  });

  test('with tlu it is what it is without, and a tlu layer after it', () => {
    const fused = filterResponseNormalization({ tlu: true, tauInitializer: 'randomNormal' });
    const alone = filterResponseNormalization();
    const unit = tlu();
    tf.tidy(() => {
      const x = image();
      const y = fused.apply(x) as Tensor;
      alone.build(x.shape);
      unit.build(x.shape);
      unit.setWeights([fused.getWeights()[2]!]);
      expectSameBits('y', y, unit.apply(alone.apply(x)) as Tensor);
      expect(
        y
          .sub(alone.apply(x) as Tensor)
          .max()
          .dataSync()[0],
      ).toBeGreaterThan(0);
    });
    for (const layer of [fused, alone, unit]) disposeLayer(layer);
  });

  test('the axes of the positions name the channels', () => {
    const first = filterResponseNormalization({ axis: [2, 3] });
    const last = filterResponseNormalization({ axis: [-3, -2] });
    tf.tidy(() => {
      const x = image();
      const y = first.apply(x.transpose([0, 3, 1, 2])) as Tensor;
      expectClose('y', y.transpose([0, 2, 3, 1]), last.apply(x) as Tensor, { scaled: 1e-6 });
    });
    expect(first.getConfig().axis).toEqual([2, 3]);
    for (const layer of [first, last]) disposeLayer(layer);
  });

  test('every weight is trained', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [4, 5, 3] }),
        filterResponseNormalization({
          tlu: true,
          learnedEpsilon: true,
          learnedEpsilonInitializer: { className: 'Constant', config: { value: 0.5 } },
          name: 'normalizer',
        }),
        tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(1), loss: 'meanSquaredError' });
    const before = model.getWeights().map((weight) => [...weight.dataSync()]);
    const [x, y] = [image(3, [8, 4, 5, 3]), tf.fill([8, 3], -2)];
    await model.fit(x, y, { epochs: 3, verbose: 0 });
    const after = model.getWeights().map((weight) => [...weight.dataSync()]);
    expect(after).toHaveLength(4);
    for (const [i, values] of after.entries()) expect(values).not.toEqual(before[i]);
    tf.dispose([x, y]);
    model.dispose();
  });

  test.each([false, true])("TF-Addons' models load, learned epsilon %p", async (learned) => {
    const config = {
      axis: [1, 2],
      epsilon: 1e-6,
      learned_epsilon: learned,
      learned_epsilon_constraint: null,
      ...parts('beta'),
      ...parts('gamma'),
    };
    const model = await fromPython('Addons>FilterResponseNormalization', config, {
      gamma: { shape: [1, 1, 1, 3], values: GAMMA },
      beta: { shape: [1, 1, 1, 3], values: BETA },
      ...(learned && { learned_epsilon: { shape: [1], values: [-0.25] } }),
    });
    tf.tidy(() => {
      const x = image();
      const square = x.square().mean([1, 2], true) as Tensor;
      const root = square.add(learned ? 0.25 + 1e-6 : 1e-6).sqrt();
      const want = x.div(root).mul(tf.tensor1d(GAMMA)).add(tf.tensor1d(BETA)) as Tensor;
      expectClose('y', model.predict(x) as Tensor, want);
    });
    expect(model.layers[0]!.getConfig().axis).toEqual([1, 2]);
    let saved: io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts: io.ModelArtifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const again = await tf.loadLayersModel(tf.io.fromMemory(saved!));
    tf.tidy(() => {
      const x = image(2);
      expectSameBits('y', again.predict(x) as Tensor, model.predict(x) as Tensor);
    });
    again.dispose();
    model.dispose();
  });
});

describe('tlu', () => {
  test.each([
    [{}, [['tau', [3]]]],
    [
      { affine: true, axis: 1 },
      [
        ['tau', [4]],
        ['alpha', [4]],
      ],
    ],
  ])('has the weights of %j', (args, weights) => {
    const layer = tlu(args);
    layer.build([2, 4, 5, 3]);
    expect(weightsOf(layer)).toEqual(weights);
    disposeLayer(layer);
  });

  test('keeps every argument through getConfig and fromConfig', () => {
    const part = { className: 'Constant', config: { value: 2 } };
    const args = {
      axis: 1,
      affine: true,
      tauInitializer: part,
      alphaInitializer: part,
      tauRegularizer: { className: 'L1L2', config: { l1: 0.25, l2: 0.5 } },
      alphaRegularizer: { className: 'L1L2', config: { l1: 0.5, l2: 0.25 } },
      tauConstraint: { className: 'NonNeg', config: {} },
      alphaConstraint: { className: 'NonNeg', config: {} },
    };
    const config = JSON.parse(JSON.stringify(tlu(args as never).getConfig()));
    expect(config).toMatchObject(args);
    const { ThresholdedLinearUnit } = norm.layers;
    const again = ThresholdedLinearUnit.fromConfig(ThresholdedLinearUnit as never, config);
    expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
  });

  test.each([false, true])('y and gradients, affine %p', (affine) => {
    const layer = tlu({ affine });
    const values = { tau: [0.5, -0.25, 0], alpha: [0.5, -2, 1.5] };
    tf.tidy(() => {
      const x = image();
      const dy = image(2);
      layer.build(x.shape);
      const given = (affine ? [values.tau, values.alpha] : [values.tau]).map((of) =>
        tf.tensor1d(of),
      );
      layer.setWeights(given);
      const { y, grads } = withGradients((a) => layer.apply(a!) as Tensor, [x], dy);
      const alpha = tf.tensor1d(affine ? values.alpha : [0, 0, 0]);
      const limit = x.mul(alpha).add(tf.tensor1d(values.tau)) as Tensor;
      const below = x.less(limit);
      expectClose('y', y, tf.where(below, limit, x));
      expectClose('dx', grads[0]!, tf.where(below, dy.mul(alpha), dy) as Tensor);
      const variables = layer.trainableWeights.map((weight) => weight.read() as never);
      const loss = () => (layer.apply(x) as Tensor).mul(dy).sum() as never;
      const found = Object.values(tf.variableGrads(loss, variables).grads);
      const outside = tf.where(below, dy, tf.zerosLike(dy));
      expectClose('dtau', found[0]!, outside.sum([0, 1, 2]) as Tensor);
      if (affine) expectClose('dalpha', found[1]!, outside.mul(x).sum([0, 1, 2]) as Tensor);
    });
    disposeLayer(layer);
  });

  test("TF-Addons' models load: a threshold for each element of a sample", async () => {
    const tau = array64([4, 5, 3], [...normal([4, 5, 3], 9).data]);
    const alpha = array64([4, 5, 3], [...normal([4, 5, 3], 10, { deviation: 0.3 }).data]);
    for (const affine of [false, true]) {
      const config = { ...parts('tau'), affine, ...(affine && parts('alpha')) };
      const model = await fromPython('Addons>TLU', config, {
        tau: { shape: tau.shape, values: [...tau.data] },
        ...(affine && { alpha: { shape: alpha.shape, values: [...alpha.data] } }),
      });
      tf.tidy(() => {
        const x = image();
        const limit = affine ? x.mul(tensor(alpha)).add(tensor(tau)) : tensor(tau);
        expectClose('y', model.predict(x) as Tensor, x.maximum(limit) as Tensor);
      });
      model.dispose();
    }
  });

  test.each<[string, () => unknown, RegExp]>([
    ['axis 0', () => tlu({ axis: 0 }).build([2, 3]), /ThresholdedLinearUnit: axis.*batch/],
    ['rank 1', () => tlu().build([2]), /inputShape.*rank 2/],
    ['affine 1', () => tlu({ affine: 1 as never }), /affine.*boolean/],
    ['unknown arguments', () => tlu({ alpha: 1 } as never), /alpha is not an argument/],
    ['undefined channels', () => tlu().build([2, null as never]), /inputShape.*undefined/],
  ])('refuses %s', (_, call, message) => expect(call).toThrow(message));
});
