import { tf } from '../../../src';
import { type Normalizer, title } from '../describeNormalizer';
import { prepare, run, tensorsOf } from '../prepared';
import { expectNoLeak } from '../tensors';

/** No tensor and no native byte stays behind: forward, backward, layers, models, exceptions. */
export function describeMemory(normalizer: Normalizer): void {
  const c = normalizer.cases[0]!;
  const { layer: table } = normalizer;

  describe('memory', () => {
    test(`forward and backward ${title(c)}`, async () => {
      await expectNoLeak(() => {
        const p = prepare(normalizer, c);
        const inputs = tensorsOf(p);
        for (let i = 0; i < 3; i++) tf.dispose([normalizer.op(inputs.x, inputs, p.options)]);
        for (let i = 0; i < 3; i++) tf.dispose(run(normalizer, p, inputs) as never);
        tf.dispose(Object.values(inputs).filter((t) => t !== undefined));
      });
    });

    test('forward makes one tensor', () => {
      const p = prepare(normalizer, c);
      const inputs = tensorsOf(p);
      const before = tf.memory().numTensors;
      const y = normalizer.op(inputs.x, inputs, p.options);
      const made = tf.memory().numTensors - before;
      tf.dispose([y, ...Object.values(inputs).filter((t) => t !== undefined)]);
      expect(made).toBe(1);
    });

    test('layer, built, called and disposed', async () => {
      await expectNoLeak(() => {
        const layer = table.create(table.usable);
        const x = tf.ones(c.shape);
        tf.dispose(layer.apply(x, { training: true }) as typeof x);
        tf.dispose(layer.apply(x, { training: false }) as typeof x);
        layer.dispose();
        x.dispose();
      });
    });

    test('model, fitted, evaluated and disposed', async () => {
      await expectNoLeak(async () => {
        const model = tf.sequential({
          layers: [
            tf.layers.inputLayer({ inputShape: c.shape.slice(1) }),
            table.create(table.usable),
            tf.layers.flatten(),
            tf.layers.dense({ units: 1 }),
          ],
        });
        model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
        const x = tf.ones(c.shape);
        const y = tf.ones([c.shape[0]!, 1]);
        await model.fit(x, y, { epochs: 2, verbose: 0 });
        tf.dispose(model.evaluate(x, y) as never);
        tf.dispose(model.predict(x));
        tf.dispose([x, y]);
        model.dispose();
      });
    });

    test('a call that throws', async () => {
      const p = prepare(normalizer, c);
      const inputs = tensorsOf(p);
      const bad = tf.ones([7, 3]);
      const parameter = normalizer.scale ? 'gamma' : 'beta';
      const { x, ...parameters } = inputs;
      await expectNoLeak(() => {
        expect(() => normalizer.op(x, { ...parameters, [parameter]: bad }, p.options)).toThrow(
          parameter,
        );
      });
      tf.dispose([bad, ...Object.values(inputs).filter((t) => t !== undefined)]);
    });
  });
}
