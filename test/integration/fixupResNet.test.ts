/** The ready networks of Fixup, and the checks of the paper's claims that need no data set. */
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { generator, normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { tensor } from '../support/tensors';

const { fixupResNet } = norm;
const SMALL = { inputShape: [8, 8, 3], filters: 4, seed: 1 };
const blocksOf = (model: LayersModel) =>
  model.layers.filter((layer) => /^Fixup.*Block$/.test(layer.getClassName()));

/** One-hot labels. */
function labels(count: number, classes: number, seed: number): Tensor {
  const uniform = generator(seed);
  const drawn = Array.from({ length: count }, () => Math.floor(uniform() * classes));
  return tf.tidy(() => tf.oneHot(tf.tensor1d(drawn, 'int32'), classes).toFloat());
}

// How a model is put together does not depend on the device.
const testOnce = asked === 'host' ? test : test.skip;

describe('fixupResNet', () => {
  testOnce.each([
    [{ depth: 8 }, 3, 'FixupBasicBlock', 2, [2, 2, 16]],
    [{ depth: 20 }, 9, 'FixupBasicBlock', 2, [2, 2, 16]],
    [{ depth: 50 }, 24, 'FixupBasicBlock', 2, [2, 2, 16]],
    [{ depth: 20, block: 'bottleneck' }, 6, 'FixupBottleneckBlock', 3, [2, 2, 64]],
    [{ depth: 11, block: 'bottleneck' }, 3, 'FixupBottleneckBlock', 3, [2, 2, 64]],
    [
      { depth: 18, layout: 'imageNet', inputShape: [32, 32, 3], classes: 7 },
      8,
      'FixupBasicBlock',
      2,
      [1, 1, 32],
    ],
    [
      { depth: 50, layout: 'imageNet', inputShape: [32, 32, 3], classes: 7 },
      16,
      'FixupBottleneckBlock',
      3,
      [1, 1, 128],
    ],
  ] as const)('%j', (args, count, className, layers, last) => {
    const model = fixupResNet({ ...SMALL, ...args } as never);
    const blocks = blocksOf(model);
    expect(blocks).toHaveLength(count);
    for (const block of blocks) {
      expect(block.getClassName()).toBe(className);
      expect(block.getConfig().numBranches).toBe(count);
    }
    // A stem, the layers of the blocks, the classifier.
    expect(2 + layers * count).toBe(args.depth);
    expect((blocks.at(-1)!.output as SymbolicTensor).shape).toEqual([null, ...last]);
    const classes = 'classes' in args ? args.classes : 10;
    expect(model.outputs[0]!.shape).toEqual([null, classes]);
    expect(model.name).toBe(`fixup_resnet_${args.depth}`);
    model.dispose();
  });

  testOnce(
    'depth 50 of the layout for ImageNet has the parameters of ResNet-50 without its norms',
    () => {
      const model = fixupResNet({
        depth: 50,
        layout: 'imageNet',
        inputShape: [32, 32, 3],
        filters: 8,
        classes: 10,
      });
      const kernels = model.weights.filter(({ shape }) => shape.length === 4);
      const sizes = kernels.map(({ shape }) => (shape as number[]).reduce((a, b) => a * b));
      // Its convolutions have 23,454,912 weights with 64 filters; but for the stem's they go with the square of the filters.
      const stem = 7 * 7 * 3 * 64;
      expect(sizes[0]).toBe(stem / 8);
      expect(sizes.slice(1).reduce((a, b) => a + b)).toBe((23_454_912 - stem) / 64);
      expect(kernels).toHaveLength(53);
      model.dispose();
    },
  );

  test('the first outputs are equal for all classes: the loss is ln(classes), exactly', () => {
    for (const classes of [2, 10]) {
      const model = fixupResNet({ ...SMALL, depth: 14, classes });
      tf.tidy(() => {
        const p = model.predict(tensor(normal([6, 8, 8, 3], 3))) as Tensor;
        expectSameBits('p', p, tf.fill([6, classes], 1 / classes));
        const loss = tf.metrics.categoricalCrossentropy(labels(6, classes, 4), p);
        expectClose('loss', loss, new Array(6).fill(Math.log(classes)), { absolute: 1e-7 });
      });
      model.dispose();
    }
  });

  test('with the groups of its authors it trains, saves and loads, scalars at a tenth of the rate', async () => {
    const model = fixupResNet({ ...SMALL, depth: 8, classes: 3 });
    const groups = norm.optimizers.fixupGroups({ weightDecay: 5e-4 });
    const optimizer = norm.optimizers.withGroups(tf.train.momentum(0.1, 0.9), groups);
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    const [x, y] = [tensor(normal([16, 8, 8, 3], 3)), labels(16, 3, 5)];
    const options = { epochs: 6, batchSize: 8, shuffle: false, verbose: 0 } as const;
    const { history } = await model.fit(x, y, options);
    const losses = history.loss as number[];
    expect(losses[0]).toBeLessThan(1.2 * Math.log(3));
    expect(losses.at(-1)).toBeLessThan(0.95 * Math.log(3));
    const names = model.weights.map(({ originalName }) => originalName);
    expect(names).toContain('stage1_block1/bias1a');
    const slow = names.filter((name) => optimizer.settingsOf(name).lrMultiplier === 0.1);
    expect(slow).toHaveLength(3 * 5 + 3);
    const predict = (of: LayersModel) =>
      tf.tidy(() => Float32Array.from(values(of.predict(x) as Tensor)));
    await saveAndLoad(model, (loaded) => {
      expectSameBits('predictions', predict(loaded), predict(model));
    });
    optimizer.dispose();
    model.dispose();
    tf.dispose([x, y]);
  });

  testOnce('another initializer takes the place of the rules in all blocks', () => {
    const model = fixupResNet({ ...SMALL, depth: 8, kernelInitializer: 'ones' });
    const kernels = blocksOf(model)
      .flatMap(({ weights }) => weights)
      .filter(({ shape }) => shape.length === 4);
    expect(kernels).toHaveLength(6);
    for (const kernel of kernels) expect(new Set(kernel.read().dataSync())).toEqual(new Set([1]));
    model.dispose();
  });

  testOnce.each([
    [{ depth: 0 }, /depth must be 6n \+ 2 with n of 1 or more \(8, 14, 20, \.\.\.\) .*, got 0$/],
    [{ depth: 1 }, /depth must be 6n \+ 2.*, got 1$/],
    [{ depth: 2 }, /depth must be 6n \+ 2.*, got 2$/],
    [{ depth: -4 }, /depth must be 6n \+ 2/],
    [{ depth: 21 }, /depth must be 6n \+ 2/],
    [{}, /depth must be 6n \+ 2.*undefined/],
    [{ depth: 21, block: 'bottleneck' }, /depth must be 9n \+ 2 with n of 1 or more \(11, 20, 29/],
    [{ depth: 0, layout: 'imageNet' }, /depth must be one of 18, 34, 50, 101, 152/],
    [{ depth: 50, layout: 'imageNet', block: 'basic' }, /block must not be given/],
    [{ depth: 8, layout: 'mnist' }, /layout must be 'cifar' or 'imageNet'/],
    [{ depth: 8, block: 'wide' }, /block must be 'basic' or 'bottleneck'/],
    [{ depth: 8, classes: 0 }, /classes must be an integer of 1 or more/],
    [{ depth: 8, inputShape: [8, 8] }, /inputShape must be \[height, width, channels\]/],
    [{ depth: 8, filters: 1.5 }, /filters must be an integer/],
    [{ depth: 8, width: 3 }, /width is not an argument/],
    [{ depth: 8, seed: 'a' }, /seed must be an integer/],
  ] as const)('refuses %j', (args, message) => {
    const before = tf.memory().numTensors;
    expect(() => fixupResNet(args as never)).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});
