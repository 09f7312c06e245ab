/** Models as tf.keras writes them, and stock layers that our ops would not take. */
import { norm, tf } from '../../src';
import { expectClose } from '../support/expectClose';

/** A functional model of one batch normalization layer, its axis a list as Python writes it. */
const fromPython = () =>
  tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: {
        class_name: 'Sequential',
        config: [
          {
            class_name: 'BatchNormalization',
            config: {
              name: 'bn',
              trainable: true,
              batch_input_shape: [null, 4, 4, 2],
              dtype: 'float32',
              axis: [3],
              momentum: 0.9,
              epsilon: 0.001,
              center: true,
              scale: true,
            },
          },
        ],
        keras_version: '2.15.0',
        backend: 'tensorflow',
      },
    } as never),
  );

test('a batch normalization whose axis is a list runs native and reloads', async () => {
  const model = await fromPython();
  const x = tf.randomNormal([2, 4, 4, 2], 1, 2, 'float32', 3);
  const want = model.predict(x) as typeof x;
  expect(norm.useNativeOps(model).replaced).toHaveLength(1);
  expectClose('after useNativeOps', model.predict(x) as typeof x, want, { absolute: 1e-6 });
  const { BatchNormalization } = norm.layers;
  const config = { ...model.layers[0]!.getConfig(), axis: [3] };
  const again = BatchNormalization.fromConfig(BatchNormalization as never, config as never);
  expect(again.getConfig().axis).toBe(3);
});

test.each([
  ['epsilon 0', () => tf.layers.batchNormalization({ epsilon: 0 }), /epsilon/],
  ['axes from both ends', () => tf.layers.layerNormalization({ axis: [-1, 1] }), /ascending/],
])('useNativeOps keeps a stock layer with %s and says why', (_, make, reason) => {
  const model = tf.sequential();
  model.add(tf.layers.dense({ inputShape: [3, 5], units: 5 }));
  const layer = make();
  if (layer.getClassName() === 'BatchNormalization') model.add(layer as never);
  else Object.assign(model, { layers: [...model.layers, layer] });
  const { replaced, kept } = norm.useNativeOps(model);
  expect(replaced).toEqual([]);
  expect(kept).toEqual([expect.objectContaining({ reason: expect.stringMatching(reason) })]);
});

test('every gradient that tf.grads returns can be read', () => {
  const gradients = tf.grads((x, mean, variance) => {
    const { y } = norm.ops.batchNorm(x!, { movingMean: mean!, movingVariance: variance! });
    return y.square().sum().add(mean!.square().sum());
  })([tf.ones([8, 4]), tf.ones([4]), tf.ones([4])]);
  expect(gradients.map((gradient) => gradient.dataSync().length)).toEqual([32, 4, 4]);
  expect([...gradients[1]!.dataSync()]).toEqual([2, 2, 2, 2]);
});

test('options of null mean none, and ragged rows are refused by name', () => {
  const x = tf.randomNormal([2, 3, 32]);
  for (const op of ['groupNorm', 'instanceNorm', 'layerNorm', 'rmsNorm'] as const) {
    expect(norm.ops[op](x, null as never).shape).toEqual([2, 3, 32]);
    expect(() =>
      norm.ops[op]([
        [1, 2, 3],
        [4, 5],
      ] as never),
    ).toThrow(expect.objectContaining({ name: 'NormError', op, argument: 'x' }));
  }
});

test.each(['layerNormalization', 'rmsNormalization'] as const)(
  '%s refuses another extent in its own name',
  (make) => {
    const layer = norm.layers[make]();
    layer.apply(tf.ones([2, 4]));
    expect(() => layer.apply(tf.ones([2, 3]))).toThrow(/rms|layer/i);
    expect(() => layer.apply(tf.ones([2, 3]))).toThrow(/incompatible/);
  },
);
