/** The layers of generalized Hamming distances: arguments, weights, training, model files. */
import type { LayersModel, layers, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectSameBits, values } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';

const { hammingConv2d, hammingDense } = norm.layers;
const { hamming } = norm.initializers;
type Layer = layers.Layer;

const SHARED = {
  output: 'distance',
  threshold: 'none',
  r: 0,
  alpha: 8,
  logitScale: 1,
  kernelInitializer: { className: 'HammingNormal', config: { mean: 0.5, stddev: 0.5, seed: null } },
  kernelRegularizer: null,
  kernelConstraint: null,
  rInitializer: { className: 'Constant', config: { value: 0 } },
  rRegularizer: null,
  rConstraint: null,
};
const EVERY_SHARED = {
  output: 'raw',
  threshold: 'soft',
  r: 0.25,
  alpha: 3,
  logitScale: 2,
  kernelInitializer: { className: 'HammingNormal', config: { mean: 0.25, stddev: 1, seed: 3 } },
  kernelRegularizer: { className: 'L1L2', config: { l1: 0.25, l2: 0.5 } },
  kernelConstraint: { className: 'MaxNorm', config: { maxValue: 3, axis: 0 } },
  rInitializer: { className: 'Constant', config: { value: 0.5 } },
  rRegularizer: { className: 'L1L2', config: { l1: 0.5, l2: 0.25 } },
  rConstraint: { className: 'NonNeg', config: {} },
};
const tables = [
  {
    className: 'HammingDense',
    make: (args: object): Layer => hammingDense({ units: 5, ...args }),
    own: { units: 5 },
    everyOwn: { units: 7 },
    shape: [3, 4, 6],
    outputShape: [3, 4, 5],
    kernel: [6, 5],
    call: (x: Tensor, kernel: Tensor, options: object) => norm.ops.hammingDense(x, kernel, options),
  },
  {
    className: 'HammingConv2D',
    make: (args: object): Layer =>
      hammingConv2d({ filters: 5, kernelSize: [2, 3], padding: 'same', ...args }),
    own: {
      filters: 5,
      kernelSize: [2, 3],
      strides: [1, 1],
      padding: 'same',
      dilationRate: [1, 1],
      padMode: 'zero',
    },
    everyOwn: {
      filters: 3,
      kernelSize: [1, 2],
      strides: [1, 1],
      padding: 'valid',
      dilationRate: [2, 1],
      padMode: 'count',
    },
    shape: [2, 5, 4, 3],
    outputShape: [2, 5, 4, 5],
    kernel: [2, 3, 3, 5],
    call: (x: Tensor, kernel: Tensor, options: object): Tensor =>
      norm.ops.hammingConv2d(x as Tensor4D, kernel as Tensor4D, { padding: 'same', ...options }),
  },
];

const reload = (layer: Layer): Layer => {
  const config = JSON.parse(JSON.stringify(layer.getConfig()));
  const [type, from] =
    tf.serialization.SerializationMap.getMap().classNameMap[layer.getClassName()]!;
  return from(type as never, config) as Layer;
};
const list = (of: Tensor) => Array.from(values(of));
const inputs = (shape: number[], seed = 1) =>
  tensor(normal(shape, seed, { mean: 0.5, deviation: 0.5 }));

describe.each(tables)('$className', (table) => {
  const { className, make, shape } = table;

  test('has the documented class name and defaults', () => {
    const layer = make({});
    expect(layer.getClassName()).toBe(className);
    expect(layer.getConfig()).toMatchObject({ ...SHARED, ...table.own });
  });

  test('keeps every argument through getConfig, JSON and fromConfig', () => {
    const args = { ...EVERY_SHARED, ...table.everyOwn, name: 'hamming', trainable: false };
    const layer = make(args);
    expect(layer.getConfig()).toMatchObject(args);
    const again = reload(layer);
    expect(again.constructor).toBe(layer.constructor);
    expect(again.getConfig()).toEqual(layer.getConfig());
  });

  test('has a kernel; with the soft threshold also r, which starts where it says', () => {
    const weightsOf = (args: object) => {
      const layer = make(args);
      layer.build(shape);
      const found = layer.weights.map((weight) => [
        weight.originalName.split('/').pop(),
        weight.shape,
        weight.trainable,
      ]);
      const last = list(layer.getWeights().at(-1)!);
      disposeLayer(layer);
      return { found, last };
    };
    const kernel = ['kernel', table.kernel, true];
    for (const threshold of ['none', 'relu', 'double']) {
      expect(weightsOf({ threshold, r: 0.5 }).found).toEqual([kernel]);
    }
    const soft = weightsOf({ threshold: 'soft', r: 0.5 });
    expect(soft).toEqual({ found: [kernel, ['r', [5], true]], last: Array(5).fill(0.5) });
    const own = weightsOf({ threshold: 'soft', r: 0.5, rInitializer: 'ones' });
    expect(own.last).toEqual(Array(5).fill(1));
  });

  test('is the op, times logitScale', () => {
    const all = [
      { output: 'distance', threshold: 'relu' },
      { output: 'similarity', threshold: 'none' },
      { output: 'centered', threshold: 'double', r: 0.125 },
      { output: 'raw', threshold: 'soft', r: 0.125, alpha: 4 },
    ];
    for (const options of all) {
      const layer = make({ ...options, logitScale: 32 });
      tf.tidy(() => {
        const x = inputs(shape);
        const y = layer.apply(x) as Tensor;
        const want = table.call(x, layer.getWeights()[0]!, options);
        expectSameBits('y', y, tf.mul(want, 32) as Tensor);
        expectSameBits('y', layer.apply(x, { training: true }) as Tensor, y);
      });
      disposeLayer(layer);
    }
  });

  test('gives symbolic, computed and real output shapes alike', () => {
    const layer = make({});
    const symbolic = layer.apply(tf.input({ shape: shape.slice(1) })) as Tensor;
    expect(symbolic.shape).toEqual([null, ...table.outputShape.slice(1)]);
    const open = [null, null, ...shape.slice(2)] as never;
    expect(layer.computeOutputShape(open)).toEqual([null, null, ...table.outputShape.slice(2)]);
    tf.tidy(() => {
      expect((layer.apply(tf.ones(shape)) as Tensor).shape).toEqual(table.outputShape);
      const none = layer.apply(tf.zeros([0, ...shape.slice(1)])) as Tensor;
      expect(none.shape).toEqual([0, ...table.outputShape.slice(1)]);
    });
    disposeLayer(layer);
  });

  const model = (threshold: string, trainable = true): LayersModel => {
    const layer = make({
      threshold,
      r: 0.1,
      kernelInitializer: hamming({ seed: 1 }),
      kernelRegularizer: { className: 'L1L2', config: { l1: 0, l2: 0.001 } },
      trainable,
      name: 'hamming',
    });
    const made = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: shape.slice(1) }),
        layer,
        tf.layers.flatten(),
        hammingDense({ units: 1, output: 'centered', kernelInitializer: hamming({ seed: 2 }) }),
      ],
    });
    made.compile({ optimizer: tf.train.adam(0.05), loss: 'meanSquaredError' });
    return made;
  };
  const fit = async (of: LayersModel, epochs = 4) => {
    const x = inputs([16, ...shape.slice(1)]);
    const y = tf.tidy(() => x.reshape([16, -1]).mean(1, true) as Tensor);
    const { history } = await of.fit(x, y, { epochs, batchSize: 8, shuffle: false, verbose: 0 });
    tf.dispose([x, y]);
    return history.loss as number[];
  };
  const predict = (of: LayersModel) =>
    tf.tidy(() =>
      Float32Array.from(values(of.predict(inputs([3, ...shape.slice(1)], 7)) as Tensor)),
    );

  test.each(['relu', 'soft'])('trains, saves and loads with threshold %s', async (threshold) => {
    const made = model(threshold);
    const before = made.getWeights().map(list);
    const losses = await fit(made);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    made.getWeights().forEach((weight, i) => {
      expect(list(weight)).not.toEqual(before[i]);
    });
    await saveAndLoad(made, async (loaded) => {
      expect(loaded.getLayer('hamming').getConfig()).toEqual(made.getLayer('hamming').getConfig());
      expectSameBits('predictions', predict(loaded), predict(made));
      loaded.compile({ optimizer: tf.train.adam(0.05), loss: 'meanSquaredError' });
      expect((await fit(loaded)).every(Number.isFinite)).toBe(true);
    });
    made.optimizer.dispose();
    made.dispose();
  });

  test('a frozen one passes gradients on and keeps its weights', async () => {
    const made = model('soft', false);
    const weightsOf = () => made.getLayer('hamming').getWeights().map(list);
    const before = weightsOf();
    const losses = await fit(made, 2);
    expect(losses[1]).toBeLessThan(losses[0]!);
    expect(weightsOf()).toEqual(before);
    made.optimizer.dispose();
    made.dispose();
  });

  test('two models with the same seeds train to the same bits, and leave nothing behind', async () => {
    await expectNoLeak(async () => {
      const found: Float32Array[] = [];
      for (let i = 0; i < 2; i++) {
        const made = model('soft');
        await fit(made, 1);
        found.push(predict(made));
        made.optimizer.dispose();
        made.dispose();
      }
      expectSameBits('predictions', found[1]!, found[0]!);
    });
  });

  test.each([
    [{ output: 'logits' }, 'output'],
    [{ threshold: 'hard' }, 'threshold'],
    [{ r: -1 }, 'r'],
    [{ r: Number.NaN }, 'r'],
    [{ alpha: 0 }, 'alpha'],
    [{ logitScale: -1 }, 'logitScale'],
    [{ logitScale: 1e-46 }, 'logitScale'],
    [{ kernelInitializer: 'hamming' }, 'kernelInitializer'],
    [{ rRegularizer: 'none' }, 'rRegularizer'],
    [{ useBias: true }, 'useBias'],
    [{ dtype: 'int32' }, 'dtype'],
  ])('refuses %j', (args, argument) => {
    expect(() => make(args)).toThrow(new RegExp(`^${className}: ${argument} `));
  });

  test('refuses undefined, missing and other features than it was built for', () => {
    const last = shape.length - 1;
    const otherwise = (extent: number | null) => shape.map((n, i) => (i === last ? extent : n));
    for (const extent of [null, 0]) {
      expect(() => make({}).build(otherwise(extent) as never)).toThrow(
        new RegExp(`^${className}: inputShape must`),
      );
    }
    const layer = make({});
    layer.build(shape);
    expect(() => layer.apply(tf.input({ shape: otherwise(9).slice(1) as never }))).toThrow(/9/);
    disposeLayer(layer);
  });
});

describe('HammingDense', () => {
  test.each([[undefined], [{}], [{ units: 0 }], [{ units: 1.5 }], [{ units: '3' }]])(
    'refuses %j',
    (args) => {
      expect(() => hammingDense(args as never)).toThrow(/^HammingDense: units must be a positive/);
    },
  );

  test('refuses inputs of rank 1, takes any other', () => {
    expect(() => hammingDense({ units: 2 }).build([3])).toThrow(/inputShape must have rank 2/);
    tf.tidy(() => {
      const layer = hammingDense({ units: 2 });
      expect((layer.apply(tf.ones([2, 4])) as Tensor).shape).toEqual([2, 2]);
      expect((layer.apply(tf.ones([2, 3, 1, 4])) as Tensor).shape).toEqual([2, 3, 1, 2]);
      disposeLayer(layer);
    });
  });
});

describe('HammingConv2D', () => {
  const conv = (args: object) => hammingConv2d({ filters: 2, kernelSize: 3, ...args });

  test.each([
    [{ filters: 0 }, 'filters'],
    [{ kernelSize: undefined }, 'kernelSize'],
    [{ kernelSize: [3, 0] }, 'kernelSize'],
    [{ strides: [1, 2, 3] }, 'strides'],
    [{ dilationRate: 0 }, 'dilationRate'],
    [{ strides: 2, dilationRate: 2 }, 'dilationRate'],
    [{ padding: 'causal' }, 'padding'],
    [{ padMode: 'half' }, 'padMode'],
    [{ dataFormat: 'channelsFirst' }, 'dataFormat'],
  ])('refuses %j', (args, argument) => {
    expect(() => conv(args)).toThrow(new RegExp(`^HammingConv2D: ${argument} `));
  });

  test('refuses inputs of another rank, and smaller than the kernel', () => {
    expect(() => conv({}).build([1, 4, 4])).toThrow(/inputShape must have rank 4/);
    expect(() => conv({}).build([1, 2, 4, 3])).toThrow(/inputShape must be as large as the kernel/);
  });

  test.each(['zero', 'neutral', 'count'] as const)('strides and padMode %s', (padMode) => {
    const options = { strides: 2, padding: 'same', padMode } as const;
    const layer = conv(options);
    tf.tidy(() => {
      const x = inputs([2, 5, 6, 3]) as Tensor4D;
      const y = layer.apply(x) as Tensor;
      expect(layer.computeOutputShape(x.shape)).toEqual(y.shape);
      const kernel = layer.getWeights()[0] as Tensor4D;
      expectSameBits('y', y, norm.ops.hammingConv2d(x, kernel, options) as Tensor);
    });
    disposeLayer(layer);
  });
});
