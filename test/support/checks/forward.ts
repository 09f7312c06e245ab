import { tf } from '../../../src';
import { type Normalizer, title } from '../describeNormalizer';
import { expectClose } from '../expectClose';
import { prepare, tensorsOf } from '../prepared';
import { disposeLayer } from '../tensors';

/** The op and the layer against the float64 reference. */
export function describeForward(normalizer: Normalizer): void {
  describe('forward', () => {
    test.each(normalizer.cases.map((c) => [title(c), c] as const))('op %s', (_, c) => {
      const p = prepare(normalizer, c);
      tf.tidy(() => {
        const { x, gamma, beta } = tensorsOf(p);
        const y = normalizer.op(x, { gamma, beta }, p.options);
        expect(y.shape).toEqual(c.shape);
        expect(y.dtype).toBe('float32');
        expectClose('y', y, p.reference.y);
      });
    });

    // Layers without the arguments scale and center always or never have the parameter.
    const { defaults } = normalizer.layer;
    const layerCases = normalizer.cases.filter(
      ({ shape, scale = true, center = true }) =>
        !shape.includes(0) &&
        ('scale' in defaults || scale === normalizer.scale) &&
        ('center' in defaults || center === normalizer.center),
    );
    test.each(layerCases.map((c) => [title(c), c] as const))('layer %s', (_, c) => {
      const p = prepare(normalizer, c);
      const { scale = true, center = true } = c;
      const { training = true, ...args } = p.options;
      const layer = normalizer.layer.create({
        ...args,
        ...('scale' in defaults ? { scale } : {}),
        ...('center' in defaults ? { center } : {}),
      });
      tf.tidy(() => {
        const { x, gamma, beta } = tensorsOf(p);
        layer.build(x.shape);
        const parameters = [gamma, beta].filter((t) => t !== undefined);
        layer.setWeights([...parameters, ...layer.getWeights().slice(parameters.length)]);
        expectClose('y', layer.apply(x, { training }) as typeof x, p.reference.y);
      });
      disposeLayer(layer);
    });
  });
}
