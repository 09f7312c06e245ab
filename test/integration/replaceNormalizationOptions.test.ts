/** Replacing normalization layers: options, what does not fit, and errors that change nothing. */
import type { LayersModel, layers, Shape, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { expectClose, expectSameBits } from '../support/expectClose';
import { compile, predictions, sequential, train, weightsOf } from '../support/models';
import { memory } from '../support/tensors';

const BN = 'BatchNormalization';
const LN = 'LayerNormalization';

/** Batch norms of 6 and of 8 channels. */
function two(): LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [8, 8, 3], filters: 6, kernelSize: 3 }),
      tf.layers.batchNormalization({ name: 'first' }),
      tf.layers.conv2d({ filters: 8, kernelSize: 3 }),
      tf.layers.batchNormalization({ name: 'second', gammaRegularizer: 'l1l2' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 2 }),
    ],
  });
}

const kinds = (model: LayersModel) => model.layers.map((layer) => layer.getClassName());
const single = (layer: layers.Layer, shape: Shape) =>
  tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: shape.slice(1) }), layer] });

describe('all or nothing', () => {
  const refused = async (
    options: Parameters<typeof norm.replaceNormalization>[1],
    message: RegExp,
  ) => {
    const model = two();
    compile(model);
    await train(model, 1);
    const [before, want, names] = [memory(), predictions(model), kinds(model)];
    expect(() => norm.replaceNormalization(model, options)).toThrow(message);
    expect(kinds(model)).toEqual(names);
    expect(memory()).toEqual(before);
    expectSameBits('predictions', predictions(model), want);
    await train(model, 1);
    model.dispose();
  };

  test('groups that do not divide the channels of a later layer', async () => {
    await refused(
      { from: BN, to: 'GroupNormalization', groups: 6 },
      /^replaceNormalization: layer 'second' with inputs \[null,4,4,8\]: GroupNormalization: groups must divide the 8 channels/,
    );
  });

  test('a function of the channels that gives no divisor for a later layer', async () => {
    await refused(
      {
        from: BN,
        to: 'GroupNormalization',
        groups: (channels: number) => channels - (channels % 3),
      },
      /layer 'second' .*groups must divide the 8 channels/,
    );
  });

  test('a function that fails for a later layer', async () => {
    const to = (layer: layers.Layer) => {
      if (layer.name === 'second') throw new Error('not this one');
      return norm.layers.instanceNormalization();
    };
    await refused({ from: BN, to }, /layer 'second' .*not this one/);
  });

  test('a function that gives no layer, one in use, or one that changes the shape', async () => {
    const used = norm.layers.instanceNormalization();
    used.apply(tf.input({ shape: [4, 6] }));
    await refused({ from: BN, to: () => 'layer' as never }, /must give a layer of this tfjs/);
    await refused({ from: BN, to: () => used }, /layer 'first' .*in use/);
    await refused({ from: BN, to: () => tf.layers.flatten() }, /layer 'first' .*keep the shape/);
    tf.dispose(used.weights.map((w) => w.read()));
  });

  test.each<[string, object, RegExp]>([
    [
      'an unknown kind',
      { from: BN, to: 'GruopNormalization' },
      /to must be a layer of this package \(.*NativeBatchNormalization, .*got 'Gruop/,
    ],
    ['no kind', { from: BN }, /to must be a class name or a function/],
    ['no layers', { to: BN }, /from must be a class name/],
    ['an empty list', { from: [], to: BN }, /from must be a class name/],
    ['layers that nothing has', { from: 'BatchNorm', to: BN }, /from must name .*got 'BatchNorm'/],
    ['an unknown argument', { from: BN, to: BN, groups: 2 }, /groups is not an argument/],
    ['a bad argument', { from: BN, to: BN, epsilon: -1 }, /epsilon must be .*-1/],
    ['a name', { from: BN, to: BN, name: 'other' }, /name belongs to each replaced layer/],
    [
      'arguments beside a function',
      { from: BN, to: () => undefined, axis: 1 },
      /axis cannot be given/,
    ],
  ])('%s', async (_, options, message) => {
    await refused(options as never, message);
  });

  test('what is not a model', () => {
    expect(() => norm.replaceNormalization({} as LayersModel, { from: BN, to: BN })).toThrow(
      TypeError,
    );
  });
});

test('groups by channels', () => {
  const model = two();
  const groups = jest.fn((channels: number) => channels / 2);
  norm.replaceNormalization(model, { from: BN, to: 'GroupNormalization', groups });
  expect(groups.mock.calls.map(([channels]) => channels)).toEqual([6, 8]);
  expect([1, 3].map((i) => model.layers[i]!.getConfig().groups)).toEqual([3, 4]);
  model.dispose();
});

test('a list of kinds, and our own layers by the names of the stock ones', () => {
  const model = sequential();
  norm.useNativeOps(model);
  const { replaced } = norm.replaceNormalization(model, {
    from: [BN, LN],
    to: 'rmsNormalization',
    epsilon: 1e-4,
  });
  expect(replaced).toEqual([
    { name: 'bn', from: 'NativeBatchNormalization', to: 'RMSNormalization' },
    { name: 'ln', from: 'NativeLayerNormalization', to: 'RMSNormalization' },
  ]);
  expect(model.getLayer('ln').getConfig()).toMatchObject({ epsilon: 1e-4, axis: 1 });
  model.dispose();
});

test('a function chooses for each layer, with its shape', () => {
  const model = two();
  const shapes: Shape[] = [];
  const { replaced, kept } = norm.replaceNormalization(model, {
    from: BN,
    to: (layer, shape) => {
      shapes.push(shape);
      return layer.name === 'first' ? norm.layers.groupNormalization({ groups: 2 }) : undefined;
    },
  });
  expect(shapes).toEqual([
    [null, 6, 6, 6],
    [null, 4, 4, 8],
  ]);
  expect(replaced).toEqual([{ name: 'first', from: BN, to: 'GroupNormalization' }]);
  expect(kept).toEqual([{ name: 'second', className: BN, reason: '`to` gave no layer for it' }]);
  model.dispose();
});

describe('carried over', () => {
  test('center, scale, regularizers and constraints', () => {
    const bn = tf.layers.batchNormalization({
      name: 'bn',
      center: false,
      gammaRegularizer: tf.regularizers.l2({ l2: 0.5 }),
      gammaConstraint: 'nonNeg',
      momentum: 0.5,
      epsilon: 0.25,
    });
    const model = single(bn, [null, 4, 6]);
    const penalty = () => tf.tidy(() => (bn.calculateLosses()[0] as Tensor).dataSync()[0]!);
    const want = penalty();
    expect(want).toBeGreaterThan(0);
    norm.replaceNormalization(model, { from: BN, to: 'SwitchableNormalization' });
    expect(penalty()).toBeCloseTo(want, 6);
    expect(bn.getConfig()).toMatchObject({
      center: false,
      scale: true,
      gammaRegularizer: { className: 'L1L2' },
      gammaConstraint: { className: 'NonNeg' },
      betaRegularizer: null,
      momentum: 0.9,
      epsilon: 1e-5,
    });
    model.dispose();
  });

  test('but for what is given', () => {
    const bn = tf.layers.batchNormalization({ center: false, gammaRegularizer: 'l1l2' });
    const model = single(bn, [null, 4, 6]);
    const given = { center: true, gammaRegularizer: null, trainable: false };
    norm.replaceNormalization(model, { from: BN, to: 'InstanceNormalization', ...given });
    expect(bn.getConfig()).toMatchObject(given);
    expect(Object.keys(weightsOf(bn))).toEqual(['gamma', 'beta']);
    expect(bn.calculateLosses()).toEqual([]);
    model.dispose();
  });

  test.each([
    [1, [null, 6, 5, 4]],
    [-1, [null, 5, 4, 6]],
    [2, [null, 5, 6, 4]],
  ])('channel axis %d', (axis, shape) => {
    const bn = tf.layers.batchNormalization({ axis });
    const model = single(bn, shape as Shape);
    const groups = (channels: number) => channels / 3;
    norm.replaceNormalization(model, { from: BN, to: 'GroupNormalization', groups });
    tf.tidy(() => {
      const x = tf.randomNormal([2, ...(shape.slice(1) as number[])], 1, 2, 'float32', 3);
      const want = norm.ops.groupNorm(x, { axis, groups: 2 });
      expectClose('y', model.predict(x) as Tensor, want.dataSync());
    });
    model.dispose();
  });

  test('the axis of a layer norm, of which a channel layer takes one only', () => {
    const ln = tf.layers.layerNormalization({ name: 'ln', axis: [1, 2] });
    const model = single(ln, [null, 4, 6]);
    const to = { from: LN, to: 'BatchNormalization' };
    expect(() => norm.replaceNormalization(model, to)).toThrow(/layer 'ln' .*axis .*\[1,2\]/);
    norm.replaceNormalization(model, { ...to, axis: -1 });
    expect(weightsOf(ln).gamma).toHaveLength(6);
    norm.replaceNormalization(model, { from: BN, to: LN, axis: [1, 2] });
    expect(weightsOf(ln).gamma).toHaveLength(24);
    model.dispose();
  });
});

test('a layer of another tfjs, or one that was never built, stays', () => {
  const model = sequential();
  const stranger = { ...model.getLayer('bn'), getClassName: () => BN };
  (model.layers as unknown[]).push(stranger);
  const bare = tf.layers.batchNormalization({ name: 'bare' });
  (model.layers as unknown[]).push(bare);
  const { kept } = norm.replaceNormalization(model, { from: BN, to: 'InstanceNormalization' });
  model.layers.splice(-2);
  expect(kept.map(({ name, reason }) => [name, reason])).toEqual([
    ['bn', expect.stringMatching(/not a layer of the tfjs/)],
    ['bare', 'it is not built'],
  ]);
  model.dispose();
});
