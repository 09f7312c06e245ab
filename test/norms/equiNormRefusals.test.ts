/** What equi-normalization refuses: models without scaling groups, whose layer is named, and optimizers. */
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { asked } from '../support/askedDevice';
import { apply, conv, dense, end, functional, IMAGE, sequential } from '../support/equiModels';

// The walk is the same on every device.
const describeOnce = asked === 'host' ? describe : describe.skip;

const { layers } = tf;

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
    const refused =
      /optimizer must be one of tf.train.sgd, momentum or adam.*got 'RMSPropOptimizer'/;
    expect(() => new norm.EquiNormalization(model)).toThrow(refused);
    const optimizer = norm.optimizers.withGroups(tf.train.rmsprop(0.1), []);
    expect(() => new norm.EquiNormalization(model, { optimizer })).toThrow(refused);
    expect(new norm.EquiNormalization(model, { optimizer: null }).step()).toBe(true);
  });
});
