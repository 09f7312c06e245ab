import type { layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { expectClose } from '../support/expectClose';
import { disposeLayer, expectNoLeak } from '../support/tensors';
import { everyLayer, inputOf, weightOf, withKernel } from './wrapped';

const wrap = (layer: layers.Layer, args: object = {}) =>
  norm.layers.weightStandardization({ layer, ...args });

describe.each(everyLayer)('weightStandardization of $name', (wrapped) => {
  const { make, kernel, axis, gains } = wrapped;

  test.each(['biased', 'scaled'] as const)('%s gives what the op makes of the kernel', (mode) =>
    expectNoLeak(() =>
      tf.tidy(() => {
        const layer = wrap(make(), { mode, scale: true, gainInitializer: 'randomUniform' });
        const x = inputOf(wrapped);
        const y = layer.apply(x) as Tensor;
        const gain = weightOf(layer, 'gain');
        expect(gain.shape).toEqual(gains);
        const w = norm.ops.weightStandardization(weightOf(layer, kernel).read(), {
          axis,
          gain: gain.read(),
          mode,
        });
        const plain = withKernel(wrapped, {}, layer, w);
        expectClose('y', y, (plain.apply(x) as Tensor).dataSync());
        disposeLayer(layer);
        disposeLayer(plain);
      }),
    ),
  );
});

test('weightStandardization keeps every argument through JSON and refuses bad ones', () => {
  const layer = wrap(tf.layers.dense({ units: 3 }), {
    mode: 'scaled',
    epsilon: 1e-3,
    scale: false,
    gainInitializer: 'zeros',
    axis: [-1],
    name: 'ws',
  });
  const config = JSON.parse(JSON.stringify(layer.getConfig()));
  expect(config).toMatchObject({
    mode: 'scaled',
    epsilon: 1e-3,
    scale: false,
    gainInitializer: { className: 'Zeros' },
    axis: [-1],
    name: 'ws',
  });
  const { WeightStandardization } = norm.layers;
  const again = WeightStandardization.fromConfig(WeightStandardization as never, config);
  expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
  expect(() => wrap(tf.layers.dense({ units: 1 }), { mode: 'other' })).toThrow(/mode/);
  expect(() => wrap(tf.layers.dense({ units: 1 })).build([null, 1])).toThrow(/two weights or more/);
});
