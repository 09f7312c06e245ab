/** The initializers that draw their whole variance, and what becomes of deep networks with and without. */
import type { initializers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { expectSameBits, values } from '../support/expectClose';

type Initializer = ReturnType<typeof initializers.zeros>;

function drawn(initializer: Initializer, shape: number[]) {
  return tf.tidy(() => {
    const all = Float64Array.from(values(initializer.apply(shape)));
    const mean = all.reduce((sum, v) => sum + v, 0) / all.length;
    const variance = all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length;
    const largest = all.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    return { mean, variance, largest };
  });
}

const { glorotNormal, heNormal, leCunNormal } = norm.initializers;
const CASES = [
  ['leCunNormal', leCunNormal, (fanIn: number, _: number) => 1 / fanIn],
  ['heNormal', heNormal, (fanIn: number, _: number) => 2 / fanIn],
  ['glorotNormal', glorotNormal, (fanIn: number, out: number) => 2 / (fanIn + out)],
] as const;
const SHAPES = [
  { shape: [400, 300], fans: [400, 300] },
  { shape: [3, 3, 64, 128], fans: [9 * 64, 9 * 128] },
  { shape: [5, 100, 200], fans: [500, 1000] },
  { shape: [50_000], fans: [50_000, 50_000] },
] as const;

describe.each(CASES)('%s', (name, make, varianceOf) => {
  const className = `${name[0]!.toUpperCase()}${name.slice(1)}Exact`;

  test.each(SHAPES)('$shape has the variance of its fans', ({ shape, fans }) => {
    const want = varianceOf(fans[0], fans[1]);
    const normal = drawn(make({ seed: 3 }), [...shape]);
    const size = shape.reduce<number>((a, b) => a * b, 1);
    // Five standard deviations of the estimates.
    expect(Math.abs(normal.mean)).toBeLessThan(5 * Math.sqrt(want / size));
    expect(Math.abs(normal.variance / want - 1)).toBeLessThan(5 * Math.sqrt(2 / size));
    expect(normal.largest).toBeGreaterThan(3 * Math.sqrt(want));

    const cut = drawn(make({ seed: 3, truncated: true }), [...shape]);
    expect(Math.abs(cut.variance / want - 1)).toBeLessThan(5 * Math.sqrt(2 / size));
    expect(cut.largest).toBeLessThan(2.28 * Math.sqrt(want));
  });

  // Two standard deviations of a normal distribution have 0.774 of its variance between them.
  test('the one of tfjs has 0.774 of it', () => {
    const { variance } = drawn(tf.initializers[name]({ seed: 3 }), [400, 300]);
    expect(variance / varianceOf(400, 300)).toBeCloseTo(0.774, 1.8);
    expect(variance / varianceOf(400, 300)).toBeLessThan(0.79);
  });

  test('the same seed gives the same weights, 0 too', () => {
    tf.tidy(() => {
      for (const seed of [0, 1, -5]) {
        expectSameBits('weights', make({ seed }).apply([20, 30]), make({ seed }).apply([20, 30]));
      }
      const [a, b] = [make({ seed: 0 }), make({ seed: 1 })].map((i) => i.apply([20, 30]));
      expect(values(a!)).not.toEqual(values(b!));
      const [c, d] = [make(), make()].map((i) => i.apply([20, 30]));
      expect(values(c!)).not.toEqual(values(d!));
    });
  });

  test('goes through the configuration of a layer', async () => {
    const kernelInitializer = make({ seed: 0, truncated: true });
    expect(kernelInitializer.getClassName()).toBe(className);
    const layer = tf.layers.dense({ units: 3, inputShape: [4], kernelInitializer });
    const model = tf.sequential({ layers: [layer] });
    const text = model.toJSON() as string;
    expect(text).toContain(className);
    const loaded = await tf.models.modelFromJSON(JSON.parse(text));
    expectSameBits('kernel', loaded.getWeights()[0]!, model.getWeights()[0]!);
    expect(loaded.layers[0]!.getConfig().kernelInitializer).toEqual({
      className,
      config: { seed: 0, truncated: true },
    });
    loaded.dispose();
    model.dispose();
  });

  test('a layer of ours takes it', () => {
    const layer = norm.layers.layerNormalization({ gammaInitializer: make({ seed: 1 }) });
    expect(layer.getConfig().gammaInitializer).toEqual({
      className,
      config: { seed: 1, truncated: false },
    });
  });

  test.each([
    [{ seed: 0.5 }, 'seed'],
    [{ seed: 'a' }, 'seed'],
    [{ truncated: 1 }, 'truncated'],
    [3, 'options'],
  ])('refuses %j', (args, argument) => {
    expect(() => make(args as never)).toThrow(new RegExp(`^${className}: ${argument} `));
  });

  test('refuses other data types', () => {
    expect(() => make().apply([2, 2], 'int32' as never)).toThrow(`${className}: dtype`);
  });

  test('weights without elements', () => {
    tf.tidy(() => expect(make().apply([0, 3]).shape).toEqual([0, 3]));
  });
});

// Batches of 256 samples estimate to about 2%.
test('SELU networks: variance after 1, 8 and 64 layers', () => {
  const UNITS = 256;
  const variances = (initializer: (seed: number) => Initializer) =>
    tf.tidy(() => {
      let x = tf.randomNormal([256, UNITS], 0, 1, 'float32', 1) as Tensor;
      const found: number[] = [];
      for (let layer = 1; layer <= 64; layer++) {
        const kernel = initializer(layer).apply([UNITS, UNITS]);
        const y = norm.ops.selu(tf.matMul(x as never, kernel as never));
        tf.dispose([x, kernel]);
        x = y;
        if ([1, 8, 64].includes(layer)) found.push(tf.moments(y).variance.dataSync()[0]!);
      }
      return found;
    });
  const near = (got: number[], want: number[], tolerance: number) => {
    for (const [i, value] of want.entries())
      expect(Math.abs(got[i]! - value)).toBeLessThan(tolerance);
  };
  near(
    variances((seed) => leCunNormal({ seed })),
    [1, 1, 1],
    0.08,
  );
  near(
    variances((seed) => leCunNormal({ seed, truncated: true })),
    [1, 1, 1],
    0.08,
  );
  near(
    variances((seed) => tf.initializers.leCunNormal({ seed })),
    [0.817, 0.432, 0.365],
    0.03,
  );
});
