/** The layers of scalars: what they compute, their arguments, weights, masks; training, saving and loading. */
import type { layers, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { compile, saveAndLoad } from '../support/models';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';

const { reZero, scalarBias, scalarScale, skipInit } = norm.layers;
const SHAPE = [3, 4, 5];
const [X, R] = [normal(SHAPE, 1), normal(SHAPE, 2)];
const constant = (value: number) => ({ className: 'Constant', config: { value } });

const settings = (name: string) => ({
  [`${name}Initializer`]: constant(0.5),
  [`${name}Regularizer`]: { className: 'L1L2', config: { l1: 0, l2: 0.25 } },
  [`${name}Constraint`]: { className: 'MaxNorm', config: { maxValue: 3, axis: 0 } },
});

interface Row {
  make: (args?: never) => layers.Layer;
  everyArgument: object;
  weights: string[];
  inputs: 1 | 2;
  /** The layer with every argument. */
  op: (x: Tensor, r: Tensor) => Tensor;
  start: (x: Tensor, r: Tensor) => Tensor;
}

const table: Record<string, Row> = {
  ScalarBias: {
    make: scalarBias,
    everyArgument: { activation: 'relu', ...settings('bias') },
    weights: ['bias'],
    inputs: 1,
    op: (x) => norm.ops.scaleBiasResidual(x, { bias: 0.5, activation: 'relu' }),
    start: (x) => x,
  },
  ScalarScale: {
    make: scalarScale,
    everyArgument: {
      activation: 'relu',
      residual: true,
      useBias: true,
      ...settings('scale'),
      ...settings('bias'),
    },
    weights: ['scale', 'bias'],
    inputs: 2,
    op: (x, residual) =>
      norm.ops.scaleBiasResidual(x, { scale: 0.5, bias: 0.5, residual, activation: 'relu' }),
    start: (x) => x,
  },
  SkipInit: {
    make: skipInit,
    everyArgument: settings('alpha'),
    weights: ['alpha'],
    inputs: 2,
    op: (x, branch) => norm.ops.skipInit(x, branch, 0.5),
    start: (x) => x,
  },
  ReZero: {
    make: reZero,
    everyArgument: settings('alpha'),
    weights: ['alpha'],
    inputs: 2,
    op: (x, branch) => norm.ops.skipInit(x, branch, 0.5),
    start: (x) => x,
  },
};

describe.each(Object.entries(table))('%s', (className, row) => {
  const { make, everyArgument, inputs, op } = row;
  const given = (x: Tensor, r: Tensor) => (inputs === 1 ? x : [x, r]);
  const apply = (layer: layers.Layer, x: Tensor, r: Tensor) =>
    layer.apply(given(x, r) as Tensor) as Tensor;

  test('keeps every argument through getConfig, JSON and fromConfig', () => {
    const layer = make({ ...everyArgument, name: 'scalar', trainable: false } as never);
    const config = JSON.parse(JSON.stringify(layer.getConfig()));
    expect(config).toMatchObject({ ...everyArgument, name: 'scalar', trainable: false });
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
    const again = from(type as never, config) as layers.Layer;
    expect(again.constructor).toBe(layer.constructor);
    expect(again.getClassName()).toBe(className);
    expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
  });

  test('is the op, with the weights of its arguments', () => {
    const layer = make(everyArgument as never);
    tf.tidy(() => {
      const [x, r] = [tensor(X), tensor(R)];
      expectSameBits('y', apply(layer, x, r), op(x, r));
    });
    const names = layer.weights.map(({ originalName }) => originalName.split('/').at(-1));
    expect(names).toEqual(row.weights);
    expect(layer.weights.every(({ shape }) => `${shape}` === '1')).toBe(true);
    disposeLayer(layer);
  });

  test('starts as the identity of its first input', () => {
    const layer = make();
    tf.tidy(() => {
      const [x, r] = [tensor(X), tensor(R)];
      const two = inputs === 2 && className !== 'ScalarScale';
      expectClose('y', layer.apply(two ? [x, r] : x) as Tensor, x);
    });
    disposeLayer(layer);
  });

  test('a model with it trains, predicts, saves and loads', async () => {
    await expectNoLeak(async () => {
      const input = tf.input({ shape: [6] });
      const dense = (units: number, seed: number) =>
        tf.layers.dense({ units, kernelInitializer: norm.initializers.heNormal({ seed }) });
      const h = dense(6, 1).apply(input) as SymbolicTensor;
      const args = inputs === 2 && className === 'ScalarScale' ? { residual: true } : {};
      const layer = make({ ...args, name: 'scalar' } as never);
      const y = layer.apply(inputs === 1 ? h : [input, h]) as SymbolicTensor;
      const model = tf.model({ inputs: input, outputs: dense(1, 2).apply(y) as SymbolicTensor });
      compile(model, tf.train.sgd(0.05));
      const x = tensor(normal([32, 6], 3));
      const wanted = tf.tidy(() => x.sum(1, true).mul(0.3).add(1) as Tensor);
      const options = { epochs: 4, batchSize: 8, shuffle: false, verbose: 0 } as const;
      const { history } = await model.fit(x, wanted, options);
      const losses = history.loss as number[];
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
      for (const weight of layer.getWeights()) {
        expect(Math.abs(weight.dataSync()[0]! - (row.weights[0] === 'scale' ? 1 : 0))).not.toBe(0);
      }
      const predict = (of: typeof model) =>
        tf.tidy(() => Float32Array.from(values(of.predict(x) as Tensor)));
      await saveAndLoad(model, (loaded) => {
        expect(loaded.getLayer('scalar').getConfig()).toEqual(layer.getConfig());
        expectSameBits('predictions', predict(loaded), predict(model));
      });
      model.optimizer.dispose();
      model.dispose();
      tf.dispose([x, wanted]);
    });
  });

  test.each([
    [{ activation: 'elu' }, 'activation'],
    [{ strength: 1 }, 'strength'],
    [{ dtype: 'int32' }, 'dtype'],
    [{ [`${row.weights[0]}Initializer`]: 'none' }, `${row.weights[0]}Initializer`],
  ])('refuses %j', (args, argument) => {
    expect(() => make(args as never)).toThrow(
      new RegExp(`^${className}: ${argument} .*Received`, 's'),
    );
  });
});

describe('two inputs', () => {
  const two = () => [skipInit(), reZero(), scalarScale({ residual: true })];
  const shape = (...extents: (number | null)[]) => tf.input({ batchShape: extents });

  test('one, three, or two of other shapes are refused', () => {
    for (const layer of two()) {
      const given = [
        [shape(null, 4)],
        [shape(null, 4), shape(null, 4), shape(null, 4)],
        [shape(null, 4), shape(null, 5)],
        [shape(null, 4), shape(null, 4, 1)],
      ];
      for (const inputs of given) {
        expect(() => layer.apply(inputs)).toThrow(
          new RegExp(`^${layer.getClassName()}: inputs must`),
        );
      }
    }
    const one = scalarScale();
    expect(() => one.apply([shape(null, 4), shape(null, 4)])).toThrow(
      /^ScalarScale: inputs must be one tensor/,
    );
  });

  test('an extent that one of them knows is known', () => {
    for (const layer of two()) {
      const y = layer.apply([shape(null, null, 3), shape(null, 7, null)]) as SymbolicTensor;
      expect(y.shape).toEqual([null, 7, 3]);
    }
  });

  test('masks: of either, or both at once', () => {
    tf.tidy(() => {
      const [a, b] = [tf.tensor1d([1, 1, 0], 'bool'), tf.tensor1d([1, 0, 0], 'bool')];
      for (const layer of two()) {
        const of = (...masks: (Tensor | null)[]) => layer.computeMask([], masks as never) as Tensor;
        expect(layer.supportsMasking).toBe(true);
        expect(of(null, null)).toBeNull();
        expect([...of(a, null).dataSync()]).toEqual([1, 1, 0]);
        expect([...of(a, b).dataSync()]).toEqual([1, 0, 0]);
      }
    });
  });
});

test('a layer that is not trainable stays as it is', async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: [4] }),
      scalarBias({ name: 'frozen', trainable: false }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  compile(model);
  const [x, y] = [tf.ones([8, 4]), tf.ones([8, 1])];
  await model.fit(x, y, { epochs: 2, verbose: 0 });
  expect([...model.getLayer('frozen').getWeights()[0]!.dataSync()]).toEqual([0]);
  tf.dispose([x, y]);
  model.dispose();
});
