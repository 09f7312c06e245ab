/** The scaling groups that equi-normalization finds in models: which weights, that predictions stay, and what is refused. */
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { expectClose } from '../support/expectClose';
import { tensor } from '../support/tensors';

// The walk is the same on every device, and the ops have tests of their own.
const describeOnce = asked === 'host' ? describe : describe.skip;

const { layers } = tf;
const conv = (filters: number, more = {}) =>
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', ...more });
const dense = (units: number, more = {}) => layers.dense({ units, activation: 'relu', ...more });
const batchNorm = () => layers.batchNormalization({});
const relu = () => layers.reLU();
const IMAGE = [6, 6, 3];

const sequential = (...list: unknown[]) => tf.sequential({ layers: list as never });

function functional(build: (x: SymbolicTensor) => SymbolicTensor, shape = IMAGE): LayersModel {
  const x = tf.input({ shape });
  return tf.model({ inputs: x, outputs: build(x) });
}

const apply = (x: SymbolicTensor, ...list: { apply(x: never): unknown }[]) =>
  list.reduce((y, layer) => layer.apply(y as never) as SymbolicTensor, x);
const add = (...of: SymbolicTensor[]) => layers.add().apply(of) as SymbolicTensor;

/** Weights of all sizes, biases that are not 0, positive variances. */
function shake(model: LayersModel): void {
  tf.tidy(() => {
    model.weights.forEach((weight, i) => {
      const values = tensor(normal(weight.shape as number[], i + 1));
      const positive = weight.originalName.endsWith('variance');
      const scale = positive ? 1 : 2 ** ((i % 5) - 2);
      weight.write(tf.mul(positive ? tf.add(tf.square(values), 0.5) : values, scale));
    });
  });
}

interface Checked {
  model: LayersModel;
  /** Of each group: the number of units, weights that produce them, biases, and weights that consume them. */
  groups: [units: number, producers: number, biases: number, consumers: number][];
}

function checkKept(model: LayersModel, options: object = {}, kept = true): void {
  shake(model);
  const [input] = model.inputs;
  const x = tensor(normal([4, ...(input!.shape.slice(1) as number[])], 99));
  const predict = () => (model.predict(x) as typeof x).dataSync();
  const before = predict();
  const equi = new norm.EquiNormalization(model, { order: 'redblack', cycles: 2, ...options });
  const objective = equi.objective();
  equi.step();
  const scale = Math.max(...Array.from(before, Math.abs));
  const error = Math.max(...Array.from(predict(), (v, i) => Math.abs(v - before[i]!))) / scale;
  if (kept) expect(error).toBeLessThan(1e-5);
  else expect(error).toBeGreaterThan(1e-3);
  if (kept) expect(equi.objective()).toBeLessThan(0.99 * objective);
  equi.dispose();
  tf.dispose(x);
}

const sizes = (model: LayersModel, options = {}): Checked['groups'] =>
  norm
    .buildScalingGroups(model, options)
    .map(({ units, producers, biases, consumers }) => [
      units,
      producers.length,
      biases!.length,
      consumers.length,
    ]);

/** A residual block: two convolutions, and a third one as shortcut where the channels change. */
function block(x: SymbolicTensor, filters: number, project: boolean): SymbolicTensor {
  const branch = apply(x, conv(filters), conv(filters, { activation: 'linear' }));
  const shortcut = project
    ? apply(x, layers.conv2d({ filters, kernelSize: 1, useBias: false }))
    : x;
  return apply(add(branch, shortcut), relu());
}

const end = () => [layers.globalAveragePooling2d({}), dense(4, { activation: 'softmax' })];

const KEPT: [string, () => LayersModel, Checked['groups']][] = [
  [
    'a perceptron with another activation after its last weights',
    () =>
      sequential(
        dense(8, { inputShape: [5] }),
        layers.dropout({ rate: 0.5 }),
        dense(7),
        dense(1, { activation: 'tanh' }),
      ),
    [
      [8, 1, 1, 1],
      [7, 1, 1, 1],
    ],
  ],
  [
    'convolutions, pooling, flatten and dense layers',
    () =>
      sequential(
        conv(4, { inputShape: IMAGE, activation: 'linear' }),
        layers.leakyReLU(),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.zeroPadding2d({}),
        conv(5, { useBias: false }),
        layers.flatten(),
        dense(6),
        dense(3, { activation: 'softmax' }),
      ),
    [
      [4, 1, 1, 1],
      [5, 1, 0, 1],
      [6, 1, 1, 1],
    ],
  ],
  [
    'shortcuts with a convolution',
    () => functional((x) => apply(block(block(apply(x, conv(3)), 4, true), 5, true), ...end())),
    [
      [3, 1, 1, 2],
      [4, 1, 1, 1],
      [4, 2, 1, 2],
      [5, 1, 1, 1],
      [5, 2, 1, 1],
    ],
  ],
  [
    'identity shortcuts, whose stage is one group',
    () => functional((x) => apply(block(block(apply(x, conv(4)), 4, false), 4, false), ...end())),
    [
      [4, 3, 3, 3],
      [4, 1, 1, 1],
      [4, 1, 1, 1],
    ],
  ],
  [
    'a shortcut from the input, which nothing scales',
    () =>
      functional((x) =>
        apply(add(x, apply(x, conv(4), conv(3, { activation: 'linear' }))), ...end()),
      ),
    [[4, 1, 1, 1]],
  ],
  [
    'batch norm, absorbed',
    () =>
      sequential(
        conv(4, { inputShape: IMAGE, activation: 'linear', useBias: false }),
        batchNorm(),
        relu(),
        conv(5, { activation: 'linear' }),
        batchNorm(),
        relu(),
        ...end(),
      ),
    [
      [4, 1, 1, 1],
      [5, 1, 1, 1],
    ],
  ],
  [
    'norms of the package',
    () =>
      sequential(
        conv(4, { inputShape: IMAGE, activation: 'linear' }),
        norm.layers.groupNormalization({ groups: 2 }),
        relu(),
        conv(5, { activation: 'linear' }),
        norm.layers.batchNormalization({ center: false }),
        layers.activation({ activation: 'relu' }),
        conv(4, { activation: 'linear' }),
        norm.layers.layerNormalization({ scale: false }),
        ...end(),
      ),
    [
      [4, 1, 1, 1],
      [5, 1, 0, 1],
    ],
  ],
  [
    'convolutions by channel and transposed ones',
    () =>
      sequential(
        conv(4, { inputShape: IMAGE }),
        layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, activation: 'relu' }),
        layers.separableConv2d({
          filters: 5,
          kernelSize: 3,
          depthMultiplier: 2,
          activation: 'relu',
        }),
        layers.prelu(),
        layers.conv2dTranspose({ filters: 6, kernelSize: 2, strides: 2, activation: 'relu' }),
        layers.upSampling2d({ size: [2, 2] }),
        layers.averagePooling2d({ poolSize: 3 }),
        layers.reshape({ targetShape: [-1, 6] }),
        layers.conv1d({ filters: 3, kernelSize: 1, activation: 'relu' }),
        layers.globalMaxPooling1d({}),
        dense(2, { activation: 'linear' }),
      ),
    [
      [4, 1, 2, 1],
      [5, 1, 1, 1],
      [6, 1, 1, 1],
      [3, 1, 1, 1],
    ],
  ],
  [
    'concatenated channels, each in the group of its own weights',
    () =>
      functional((x) => {
        const a = apply(x, conv(4));
        const b = apply(a, conv(5));
        const both = layers.concatenate().apply([a, b, x]) as SymbolicTensor;
        return apply(both, conv(6), ...end());
      }),
    [
      [4, 1, 1, 2],
      [5, 1, 1, 1],
      [6, 1, 1, 1],
    ],
  ],
  [
    'a layer that is used twice, and models in a model',
    () => {
      const inner = sequential(dense(6, { inputShape: [5] }), dense(6));
      const shared = dense(6);
      const x = tf.input({ shape: [5] });
      const y = apply(apply(x, inner as never), shared, shared);
      return tf.model({ inputs: x, outputs: apply(y, dense(2, { activation: 'linear' })) });
    },
    [
      [6, 1, 1, 1],
      [6, 2, 2, 2],
    ],
  ],
  [
    'frozen layers, next to which nothing is scaled',
    () =>
      sequential(
        dense(6, { inputShape: [5] }),
        dense(7),
        dense(8, { trainable: false, activation: 'tanh' }),
        dense(9),
        dense(2, { activation: 'linear' }),
      ),
    [
      [6, 1, 1, 1],
      [9, 1, 1, 1],
    ],
  ],
  [
    'any layers before the first weights',
    () =>
      sequential(
        layers.rescaling({ scale: 0.5, offset: 1, inputShape: IMAGE } as never),
        layers.permute({ dims: [2, 1, 3] }),
        layers.elu(),
        conv(4),
        layers.flatten(),
        dense(3, { activation: 'sigmoid' }),
      ),
    [[4, 1, 1, 1]],
  ],
];

describeOnce('groups', () => {
  test.each(KEPT)('%s', (_, build, groups) => {
    const model = build();
    expect(sizes(model)).toEqual(groups);
    checkKept(model);
    model.dispose();
  });

  test('dense rows after a flatten belong to their channels', () => {
    const model = sequential(
      conv(2, { inputShape: [2, 1, 3] }),
      layers.flatten(),
      dense(3, { activation: 'linear' }),
    );
    const [group] = norm.buildScalingGroups(model);
    expect(group!.producers[0]).toMatchObject({ axis: 3, units: [0, 1] });
    expect(group!.consumers[0]).toMatchObject({ axis: 0, units: [0, 1, 0, 1] });
    model.dispose();
  });

  test('batch norm, ignored: in the group, but the predictions change', () => {
    const make = () =>
      sequential(
        dense(6, { inputShape: [5], activation: 'linear' }),
        batchNorm(),
        relu(),
        dense(7),
        dense(2, { activation: 'linear' }),
      );
    expect(sizes(make(), { batchNorm: 'ignore' })).toEqual([
      [6, 1, 1, 1],
      [7, 1, 1, 1],
    ]);
    checkKept(make(), { batchNorm: 'ignore' }, false);
    checkKept(make(), { compat: 'official' }, false);
  });

  test('skipLast leaves out what leads into the last weights, also with batch norm between', () => {
    const model = sequential(
      dense(6, { inputShape: [5], activation: 'linear' }),
      batchNorm(),
      relu(),
      dense(7, { activation: 'linear' }),
      batchNorm(),
      relu(),
      dense(2, { activation: 'linear' }),
    );
    expect(norm.buildScalingGroups(model).map(({ last }) => last)).toEqual([false, true]);
    shake(model);
    const last = model.layers.at(-1)!.getWeights()[0]!;
    const before = Array.from(last.dataSync());
    const equi = new norm.EquiNormalization(model, { skipLast: true });
    equi.step();
    expectClose('last', model.layers.at(-1)!.getWeights()[0]!, before, { absolute: 0 });
    equi.dispose();
    model.dispose();
  });
});

describeOnce('refuses', () => {
  const hidden = (...middle: unknown[]) =>
    sequential(dense(6, { inputShape: [5], name: 'first' }), ...middle, dense(3), dense(2));
  const named = (text: string) => new RegExp(`homogeneous between its weights, got '${text}`);

  test.each<[string, () => unknown, RegExp]>([
    [
      'tanh between layers',
      () => hidden(dense(4, { activation: 'tanh', name: 'curved' })),
      named(`curved \\(Dense\\) with activation 'tanh' before dense`),
    ],
    ['ELU', () => hidden(layers.elu({ name: 'bent' })), named('bent \\(ELU\\) before dense')],
    [
      'ReLU with a maximum',
      () => hidden(layers.reLU({ maxValue: 6, name: 'six' })),
      named('six \\(ReLU\\) with maxValue before'),
    ],
    [
      'SELU',
      () => hidden(norm.layers.selu({ name: 'self' })),
      named('self \\(Selu\\) before dense'),
    ],
    [
      'a recurrent layer',
      () => hidden(layers.repeatVector({ n: 3 }), layers.lstm({ units: 4, name: 'memory' })),
      named('memory \\(LSTM\\) before dense'),
    ],
    [
      'a gate',
      () =>
        functional(
          (x) => {
            const gate = apply(x, dense(4));
            const y = layers.multiply({ name: 'gate' }).apply([gate, apply(x, dense(4))]);
            return apply(y as SymbolicTensor, dense(3));
          },
          [5],
        ),
      named('gate \\(Multiply\\) before dense'),
    ],
    [
      'batch norm over another axis',
      () =>
        sequential(
          conv(4, { inputShape: IMAGE }),
          layers.batchNormalization({ axis: 1, name: 'rows' }),
          conv(3),
          ...end(),
        ),
      named('rows \\(BatchNormalization\\) before conv2d'),
    ],
    [
      'channels first',
      () =>
        sequential(
          layers.conv2d({
            inputShape: [3, 6, 6],
            filters: 3,
            kernelSize: 1,
            dataFormat: 'channelsFirst',
            name: 'sideways',
          }),
          layers.flatten(),
          dense(2),
        ),
      /must have its channels last, got 'sideways \(Conv2D\) with channelsFirst'/,
    ],
    ['a model that is not built', () => tf.sequential(), /model must be built/],
    [
      'a model with one layer',
      () => sequential(dense(3, { inputShape: [2] })),
      /model must have hidden units between layers with weights/,
    ],
    [
      'a model without weights',
      () => sequential(layers.flatten({ inputShape: IMAGE })),
      /model must have hidden units/,
    ],
    ['what is no model', () => ({ layers: [] }), /model must be a tf.LayersModel/],
  ])('%s', (_, build, message) => {
    const model = build() as LayersModel;
    expect(() => norm.buildScalingGroups(model)).toThrow(message);
    expect(() => new norm.EquiNormalization(model)).toThrow(message);
  });

  test('an unknown treatment of batch norm', () => {
    const model = sequential(dense(3, { inputShape: [2] }), dense(2));
    expect(() => norm.buildScalingGroups(model, { batchNorm: 'fold' as never })).toThrow(
      /batchNorm must be 'absorb' or 'ignore', got 'fold'/,
    );
  });

  test('the optimizers whose buffers are of no known scale', () => {
    const model = sequential(dense(3, { inputShape: [2] }), dense(2));
    model.compile({ optimizer: 'rmsprop', loss: 'meanSquaredError' });
    expect(() => new norm.EquiNormalization(model)).toThrow(/optimizer must be one of .*RMSProp/);
    expect(new norm.EquiNormalization(model, { optimizer: null }).step()).toBe(true);
  });
});
