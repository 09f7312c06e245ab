/** Models without analytic normalization: the layer is named. */
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { asked } from '../support/askedDevice';

const { analyticNormalization } = norm;
const SHAPE = [8, 8, 3];
const conv = (filters: number, args: object = {}) =>
  tf.layers.conv2d({ filters, kernelSize: 3, ...args });

const first = (layer: layers.Layer, ...more: layers.Layer[]) =>
  tf.sequential({ layers: [layer, ...more] });
const start = (args: object = {}) => conv(4, { inputShape: SHAPE, name: 'start', ...args });
const twice = () => {
  const shared = conv(3, { padding: 'same', name: 'shared' });
  const input = tf.input({ shape: SHAPE });
  const output = shared.apply(shared.apply(input)) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: output });
};
const residual = () => {
  const input = tf.input({ shape: SHAPE });
  const branch = conv(3, { padding: 'same' }).apply(input) as SymbolicTensor;
  const sum = tf.layers.add({ name: 'sum' }).apply([input, branch]) as SymbolicTensor;
  return tf.model({ inputs: input, outputs: sum });
};

// The walk is the same on all devices.
(asked === 'host' ? describe : describe.skip)('refuses by name', () => {
  test.each<[string, () => LayersModel]>([
    [
      'pool (MaxPooling2D)',
      () => first(start(), tf.layers.maxPooling2d({ poolSize: 2, name: 'pool' })),
    ],
    [
      'norm (BatchNormalization)',
      () => first(start(), tf.layers.batchNormalization({ name: 'norm' })),
    ],
    ['drop (Dropout)', () => first(start(), tf.layers.dropout({ rate: 0.5, name: 'drop' }))],
    ['sum (Add)', residual],
    ['shared (Conv2D) twice', twice],
    [
      "start (Conv2D) with activation 'tanh' before flat (Flatten)",
      () => first(start({ activation: 'tanh' }), tf.layers.flatten({ name: 'flat' })),
    ],
    [
      'sigmoid (Activation) before start (Conv2D)',
      () =>
        first(
          tf.layers.activation({ activation: 'sigmoid', inputShape: SHAPE, name: 'sigmoid' }),
          conv(4, { name: 'start' }),
        ),
    ],
    [
      'six (ReLU) with maxValue',
      () => first(start(), tf.layers.reLU({ maxValue: 6, name: 'six' })),
    ],
    [
      'late (ReLU) after average pooling',
      () =>
        first(
          start(),
          tf.layers.averagePooling2d({ poolSize: 2 }),
          tf.layers.reLU({ name: 'late' }),
        ),
    ],
    [
      'early (ReLU) before all layers with kernels',
      () => first(tf.layers.reLU({ inputShape: SHAPE, name: 'early' }), conv(4)),
    ],
    [
      "pool (AveragePooling2D) with padding 'same'",
      () =>
        first(start(), tf.layers.averagePooling2d({ poolSize: 2, padding: 'same', name: 'pool' })),
    ],
    [
      'gap (GlobalAveragePooling2D) of an input of unknown extent',
      () =>
        first(
          start({ inputShape: [null, 8, 3] }),
          tf.layers.globalAveragePooling2d({ name: 'gap' } as never),
        ),
    ],
    ['start (Conv2D) with dilationRate', () => first(start({ dilationRate: 2 }))],
    ['start (Conv2D) with channelsFirst', () => first(start({ dataFormat: 'channelsFirst' }))],
    ['each (Dense) of rank 4', () => first(start(), tf.layers.dense({ units: 3, name: 'each' }))],
    ['none with a kernel', () => first(tf.layers.flatten({ inputShape: SHAPE }))],
  ])('%s', (what, make) => {
    const model = make();
    const before = tf.memory().numTensors;
    expect(() => analyticNormalization(model)).toThrow(
      `analyticNormalization: model must be a chain of Conv2D and Dense with ReLU, Flatten and average pooling between them, all with channels last, got '${what}'`,
    );
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  test.each<[RegExp, (model: LayersModel) => unknown]>([
    [/model must be a tf.LayersModel/, () => analyticNormalization({} as never)],
    [
      /initial must be 'normalized' or 'same'/,
      (model) => analyticNormalization(model, { initial: 'zero' as never }),
    ],
    [/mean is not an option/, (model) => analyticNormalization(model, { mean: 1 } as never)],
    [
      /^analyticNormalization: inputMean must be finite numbers/,
      (model) => analyticNormalization(model, { inputMean: Number.NaN }),
    ],
    [
      /inputVariance must be finite numbers of 0 or more/,
      (model) => analyticNormalization(model, { inputVariance: [1, -1, 1] }),
    ],
    [
      /inputVariance must be a number or 3 of them/,
      (model) => analyticNormalization(model, { inputVariance: [1, 1] }),
    ],
  ])('%s', (message, call) => {
    const model = first(start());
    expect(() => call(model)).toThrow(message);
    model.dispose();
  });
});
