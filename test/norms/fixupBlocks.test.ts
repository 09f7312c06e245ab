/** The residual blocks of Fixup: golden vectors, rules of initialization, shortcuts, arguments, saving and loading. */
import { join } from 'node:path';
import type { layers, SymbolicTensor, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { readWeightCases, TOLERANCE } from '../support/goldenWeights';
import { compile, saveAndLoad } from '../support/models';
import { disposeLayer, expectNoLeak, tensor } from '../support/tensors';

const { fixupBasicBlock, fixupBottleneckBlock } = norm.layers;
const makers = { FixupBasicBlock: fixupBasicBlock, FixupBottleneckBlock: fixupBottleneckBlock };

const nameOf = ({ originalName }: layers.Layer['weights'][number]) =>
  originalName.split('/').at(-1)!;
const byName = (layer: layers.Layer) =>
  Object.fromEntries(layer.weights.map((weight) => [nameOf(weight), weight]));
const meanSquare = (of: Tensor) => of.square().mean().dataSync()[0]!;

describe('golden vectors', () => {
  const cases = readWeightCases(join(__dirname, '..', 'golden', 'weights', 'fixup.json'));
  test.each(cases.filter(({ op }) => op in makers).map((c) => [`${c.op} ${c.name}`, c] as const))(
    '%s',
    (_, { op, inputs, outputs, gradOutputs, grads, attrs }) => {
      const { x, kernelProj, ...weights } = inputs;
      const y = outputs.y!;
      const layer = makers[op as keyof typeof makers]({
        filters: y.shape[3]!,
        strides: attrs.stride,
        numBranches: 3,
        shortcut: kernelProj ? 'projection' : 'auto',
      });
      layer.build(x!.shape);
      const own = byName(layer);
      const all = { ...weights, ...(kernelProj && { kernel_projection: kernelProj }) };
      expect(Object.keys(own).sort()).toEqual(Object.keys(all).sort());
      tf.tidy(() => {
        for (const [name, { data }] of Object.entries(all)) {
          own[name]!.write(tf.tensor(Float32Array.from(data), own[name]!.shape as number[]));
        }
        const input = tensor(x!);
        const run = (t: Tensor) => layer.apply(t) as Tensor;
        expectClose('y', run(input), y.data, TOLERANCE);
        const dx = tf.grad(run)(input, tensor(gradOutputs.y!));
        expectClose('dx', dx, grads.x!.data, TOLERANCE);
        const loss = () => tf.sum(tf.mul(run(input), tensor(gradOutputs.y!))) as never;
        const { grads: got } = tf.variableGrads(loss, layer.weights.map((w) => w.read()) as never);
        for (const weight of layer.weights) {
          const name = nameOf(weight) === 'kernel_projection' ? 'kernelProj' : nameOf(weight);
          const gradient = got[(weight.read() as unknown as { name: string }).name]!;
          expectClose(`d${name}`, gradient, grads[name]!.data, TOLERANCE);
        }
      });
      disposeLayer(layer);
    },
  );
});

describe('initialization', () => {
  test('basic: kernel1 scaled by numBranches^(-1/2), kernel2 zero, projection not scaled', () => {
    const layer = fixupBasicBlock({ filters: 64, strides: 2, numBranches: 16, seed: 1 });
    layer.build([null, 8, 8, 32]);
    tf.tidy(() => {
      const { kernel1, kernel2, kernel_projection: projection, scale, ...biases } = byName(layer);
      const he = (size: number) => 2 / (64 * size);
      expectClose('kernel1', [meanSquare(kernel1!.read())], [he(9) / 16], { relative: 0.05 });
      expectClose('projection', [meanSquare(projection!.read())], [he(1)], { relative: 0.1 });
      expect(meanSquare(kernel2!.read())).toBe(0);
      expect([...scale!.read().dataSync()]).toEqual([1]);
      expect(Object.keys(biases).sort()).toEqual(['bias1a', 'bias1b', 'bias2a', 'bias2b']);
      for (const bias of Object.values(biases)) expect(meanSquare(bias.read())).toBe(0);
    });
    disposeLayer(layer);
  });

  test('bottleneck: kernel1 and kernel2 scaled by numBranches^(-1/4), kernel3 zero', () => {
    const layer = fixupBottleneckBlock({ filters: 128, numBranches: 16, seed: 1, mode: 'fanIn' });
    layer.build([null, 8, 8, 128]);
    tf.tidy(() => {
      const { kernel1, kernel2, kernel3 } = byName(layer);
      expectClose('kernel1', [meanSquare(kernel1!.read())], [2 / 128 / 4], { relative: 0.1 });
      expectClose('kernel2', [meanSquare(kernel2!.read())], [2 / 288 / 4], { relative: 0.1 });
      expect(meanSquare(kernel3!.read())).toBe(0);
      expect(layer.weights.map(nameOf)).not.toContain('kernel_projection');
    });
    disposeLayer(layer);
  });

  test('the same seed gives the same kernels, all of them different', () => {
    const args = { filters: 8, numBranches: 2, shortcut: 'projection', seed: 5 } as const;
    const [a, b] = [fixupBottleneckBlock(args), fixupBottleneckBlock(args)];
    for (const layer of [a, b]) layer.build([null, 4, 4, 8]);
    for (const [name, weight] of Object.entries(byName(a))) {
      expectSameBits(name, weight.read(), byName(b)[name]!.read());
    }
    const starts = [byName(a).kernel1!, byName(a).kernel_projection!].map(
      (weight) => weight.read().dataSync()[0],
    );
    expect(new Set(starts).size).toBe(2);
    for (const layer of [a, b]) disposeLayer(layer);
  });

  test("a kernel initializer takes the place of Fixup's rules, in all kernels", () => {
    const layer = fixupBasicBlock({ filters: 4, numBranches: 2, kernelInitializer: 'ones' });
    layer.build([null, 4, 4, 3]);
    for (const [name, weight] of Object.entries(byName(layer))) {
      if (name.startsWith('kernel')) expect(tf.tidy(() => meanSquare(weight.read()))).toBe(1);
    }
    disposeLayer(layer);
  });
});

describe('at the start a block is relu of its shortcut', () => {
  const x = normal([2, 5, 6, 3], 1);
  const start = (args: object, of: Tensor) => {
    const layer = fixupBasicBlock({ numBranches: 4, ...args } as never);
    const y = layer.apply(of) as Tensor;
    const { kernel_projection: projection, bias1a } = byName(layer);
    return { layer, y, projection, bias1a };
  };

  test('identity', () => {
    tf.tidy(() => {
      const { layer, y } = start({ filters: 3 }, tensor(x));
      expectSameBits('y', y, tf.relu(tensor(x)));
      // The identity does not get the bias before the first convolution, what is made of x does.
      const { bias1a } = byName(layer);
      bias1a!.write(tf.tensor1d([0.5]));
      expectSameBits('y', layer.apply(tensor(x)) as Tensor, tf.relu(tensor(x)));
      disposeLayer(layer);
    });
  });

  test('padZero: some positions of x + bias1a, channels of zeros after them', () => {
    tf.tidy(() => {
      const { layer, bias1a } = start({ filters: 5, strides: 2, shortcut: 'padZero' }, tensor(x));
      bias1a!.write(tf.tensor1d([0.5]));
      const some = tensor(x).add(0.5).stridedSlice([0, 0, 0, 0], [2, 5, 6, 3], [1, 2, 2, 1]);
      const want = tf.pad(some.relu() as never, [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 2],
      ]);
      const y = layer.apply(tensor(x)) as Tensor;
      expect(y.shape).toEqual([2, 3, 3, 5]);
      expectClose('y', y, want);
      disposeLayer(layer);
    });
  });

  test('projection: a 1x1 convolution of x', () => {
    tf.tidy(() => {
      for (const args of [{ shortcut: 'projection' }, { strides: 2 }]) {
        const { layer, y, projection } = start({ filters: 3, ...args }, tensor(x));
        const strides = 'strides' in args ? 2 : 1;
        const kernel = projection!.read() as Tensor4D;
        expectClose('y', y, tf.relu(tf.conv2d(tensor(x) as Tensor4D, kernel, strides, 'same')));
        disposeLayer(layer);
      }
    });
  });
});

const EVERY_ARGUMENT = {
  filters: 8,
  numBranches: 5,
  strides: 2,
  shortcut: 'projection',
  mode: 'fanIn',
  seed: 3,
  kernelRegularizer: { className: 'L1L2', config: { l1: 0, l2: 0.25 } },
  kernelConstraint: { className: 'MaxNorm', config: { maxValue: 3, axis: 0 } },
  biasInitializer: { className: 'Constant', config: { value: 0.5 } },
  scaleInitializer: { className: 'Constant', config: { value: 2 } },
};

describe.each(Object.entries(makers))('%s', (className, make) => {
  test('keeps every argument through getConfig, JSON and fromConfig', () => {
    const own = className === 'FixupBottleneckBlock' ? { expansion: 2 } : {};
    const given = {
      ...EVERY_ARGUMENT,
      ...own,
      kernelInitializer: { className: 'HeNormalExact', config: { seed: 1, truncated: false } },
    };
    const config = JSON.parse(JSON.stringify(make({ ...given, name: 'b' } as never).getConfig()));
    expect(config).toMatchObject({ ...given, name: 'b' });
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
    const again = from(type as never, structuredClone(config)) as layers.Layer;
    expect(again.getClassName()).toBe(className);
    expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
    expect(make({ filters: 8, numBranches: 1 }).getConfig()).toMatchObject({
      strides: 1,
      shortcut: 'auto',
      mode: 'fanOut',
      seed: null,
      kernelInitializer: null,
    });
  });

  test('gives symbolic, computed and real output shapes alike', () => {
    const layer = make({ filters: 8, strides: 3, numBranches: 2 });
    const y = layer.apply(tf.input({ shape: [7, null, 4] })) as SymbolicTensor;
    expect(y.shape).toEqual([null, 3, null, 8]);
    tf.tidy(() => {
      for (const [x, want] of [
        [
          [2, 7, 8, 4],
          [2, 3, 3, 8],
        ],
        [
          [0, 7, 8, 4],
          [0, 3, 3, 8],
        ],
      ]) {
        expect((layer.apply(tf.ones(x!)) as Tensor).shape).toEqual(want);
      }
    });
    layer.dispose();
  });

  test('a model with it trains all its weights, predicts, saves and loads', async () => {
    await expectNoLeak(async () => {
      const model = tf.sequential({
        layers: [
          make({ filters: 4, strides: 2, numBranches: 1, seed: 1, inputShape: [6, 6, 3] }),
          tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
          tf.layers.dense({ units: 1, kernelInitializer: norm.initializers.heNormal({ seed: 1 }) }),
        ],
      });
      compile(model, tf.train.sgd(0.05));
      const before = model.getWeights().map((w) => [...w.dataSync()]);
      const x = tensor(normal([16, 6, 6, 3], 3));
      const wanted = tf.tidy(() => x.mean([1, 2, 3]).mul(3).reshape([16, 1]) as Tensor);
      const options = { epochs: 5, batchSize: 8, shuffle: false, verbose: 0 } as const;
      const { history } = await model.fit(x, wanted, options);
      const losses = history.loss as number[];
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
      for (const [i, weight] of model.getWeights().entries()) {
        expect([...weight.dataSync()]).not.toEqual(before[i]);
      }
      const predict = (of: typeof model) =>
        tf.tidy(() => Float32Array.from(values(of.predict(x) as Tensor)));
      await saveAndLoad(model, (loaded) => {
        expect(loaded.layers[0]!.getConfig()).toEqual(model.layers[0]!.getConfig());
        expectSameBits('predictions', predict(loaded as never), predict(model));
      });
      model.optimizer.dispose();
      model.dispose();
      tf.dispose([x, wanted]);
    });
  });

  test.each([
    [{ numBranches: 1 }, 'filters'],
    [{ filters: 0, numBranches: 1 }, 'filters'],
    [{ filters: 4 }, 'numBranches'],
    [{ filters: 4, numBranches: 0 }, 'numBranches'],
    [{ filters: 4, numBranches: 1, strides: 0 }, 'strides'],
    [{ filters: 4, numBranches: 1, strides: [1, 2] }, 'strides'],
    [{ filters: 4, numBranches: 1, shortcut: 'none' }, 'shortcut'],
    [{ filters: 4, numBranches: 1, mode: 'fan' }, 'mode'],
    [{ filters: 4, numBranches: 1, seed: 0.5 }, 'seed'],
    [{ filters: 4, numBranches: 1, useBias: true }, 'useBias'],
  ])('refuses %j', (args, argument) => {
    expect(() => make(args as never)).toThrow(new RegExp(`^${className}: ${argument} `));
  });

  test('refuses inputs that do not fit', () => {
    const layer = make({ filters: 4, numBranches: 1, shortcut: 'padZero' });
    const refused = (shape: (number | null)[], message: RegExp) =>
      expect(() => layer.apply(tf.input({ batchShape: shape }))).toThrow(message);
    refused([null, 4, 4], /inputShape must be \[batch, height, width, channels\]/);
    refused([null, 4, 4, null], /inputShape must not leave the channels undefined/);
    refused([null, 4, 4, 8], /filters must not be below the 8 channels of the input/);
  });
});

test('bottleneck: refuses filters that the expansion does not divide', () => {
  expect(() => fixupBottleneckBlock({ filters: 6, numBranches: 1 })).toThrow(
    /^FixupBottleneckBlock: filters must be a multiple of the expansion, 4\. Received: filters=6/,
  );
});
