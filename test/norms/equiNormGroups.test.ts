/** The scaling groups that equi-normalization finds in models: which weights, and that predictions stay. */
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import {
  add,
  apply,
  batchNorm,
  block,
  conv,
  dense,
  end,
  functional,
  type GroupSizes,
  IMAGE,
  relu,
  sequential,
  shake,
  sizes,
} from '../support/equiModels';
import { expectClose } from '../support/expectClose';
import { tensor } from '../support/tensors';

// The walk is the same on every device, and the ops have tests of their own.
const describeOnce = asked === 'host' ? describe : describe.skip;

const { layers } = tf;

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

const KEPT: [string, () => LayersModel, GroupSizes][] = [
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
