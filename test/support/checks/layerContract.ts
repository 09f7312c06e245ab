import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../../src';
import type { Layer, Normalizer } from '../describeNormalizer';
import { disposeLayer } from '../tensors';

function deepFreeze<T>(value: T): T {
  if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

/** Construction, serialization, weights and shapes of the layer. */
export function describeLayerContract({
  cases,
  layer: table,
  partition,
  scale,
  center,
  scaleStart = 1,
}: Normalizer): void {
  const { shape } = cases[0]!;
  const { usable } = table;
  /** Through the text of a model.json and tfjs's own deserializer. */
  const reload = (layer: Layer): Layer => {
    const config = JSON.parse(JSON.stringify(layer.getConfig()));
    const registered = tf.serialization.SerializationMap.getMap().classNameMap[table.className];
    expect(registered).toBeDefined();
    return registered![1](registered![0] as never, config) as never;
  };

  describe('layer', () => {
    test('has the documented class name and defaults', () => {
      const layer = table.create();
      expect(layer.getClassName()).toBe(table.className);
      expect(layer.getConfig()).toMatchObject(table.defaults);
    });

    test('keeps every argument through getConfig, JSON and fromConfig', () => {
      const layer = table.create({ ...table.everyArgument, name: 'normalizer', trainable: false });
      const config = layer.getConfig();
      expect(config).toMatchObject({
        ...table.everyArgument,
        name: 'normalizer',
        trainable: false,
      });
      const again = reload(layer);
      expect(again.constructor).toBe(layer.constructor);
      expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(
        JSON.parse(JSON.stringify(config)),
      );
    });

    test('names every argument that it takes in its configuration', () => {
      const config = table.create().getConfig();
      for (const name of Object.keys(table.everyArgument)) expect(config).toHaveProperty(name);
    });

    test('leaves its arguments and its configuration alone when built', () => {
      const args = deepFreeze(structuredClone(usable));
      const layer = table.create(args);
      const before = JSON.stringify(layer.getConfig());
      layer.build([null, ...shape.slice(1)] as never);
      expect(JSON.stringify(layer.getConfig())).toBe(before);
      disposeLayer(layer);
    });

    test.each([
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ])('has the expected weights with scale %s, center %s', (wantScale, wantCenter) => {
      const args = {
        ...usable,
        ...('scale' in table.defaults ? { scale: wantScale } : {}),
        ...('center' in table.defaults ? { center: wantCenter } : {}),
      };
      const layer = table.create(args);
      layer.build(shape);
      const found = layer.weights.map((weight) => ({
        name: weight.originalName.split('/').pop(),
        shape: weight.shape,
        trainable: weight.trainable,
      }));
      expect(found).toEqual(table.weights(shape, args));
      disposeLayer(layer);
    });

    test('gives symbolic, computed and real output shapes alike', () => {
      const layer = table.create(usable);
      const symbolic = tf.input({ shape: shape.slice(1) });
      const output = layer.apply(symbolic) as typeof symbolic;
      expect(output.shape).toEqual([null, ...shape.slice(1)]);
      expect(layer.computeOutputShape([null, ...shape.slice(1)] as never)).toEqual(output.shape);
      tf.tidy(() => {
        const y = layer.apply(tf.ones(shape)) as Tensor;
        expect(y.shape).toEqual(shape);
        expect(y.dtype).toBe('float32');
      });
      disposeLayer(layer);
    });

    test('accepts undefined extents other than the normalized ones', () => {
      const layer = table.create(usable);
      const open = [null, null, ...shape.slice(2)] as never;
      layer.build(open);
      expect(layer.computeOutputShape(open)).toEqual(open);
      disposeLayer(layer);
    });

    test(`parameters start as ${scaleStart} and 0`, () => {
      const layer = table.create(usable);
      layer.build(shape);
      const size = partition(shape, usable as never).parameterShape.reduce((a, b) => a * b, 1);
      const want = [...(scale ? [scaleStart] : []), ...(center ? [0] : [])];
      const starts = layer.getWeights().slice(0, want.length);
      starts.forEach((weight, i) => {
        expect([...weight.dataSync()]).toEqual(new Array(size).fill(want[i]));
      });
      disposeLayer(layer);
    });
  });
}
