/** The initializer of generalized Hamming networks. */
import { norm, tf } from '../../src';
import { expectSameBits, values } from '../support/expectClose';

const { hamming } = norm.initializers;

test.each([
  [{}, 0.5, 0.5],
  [{ mean: 0, stddev: 2 }, 0, 2],
])('%j: mean %d, deviation %d, whatever the shape', (args, mean, deviation) => {
  for (const shape of [
    [300, 100],
    [3, 3, 50, 60],
  ]) {
    tf.tidy(() => {
      const drawn = Float64Array.from(values(hamming({ ...args, seed: 3 }).apply(shape)));
      const n = drawn.length;
      const found = drawn.reduce((sum, v) => sum + v, 0) / n;
      const variance = drawn.reduce((sum, v) => sum + (v - found) ** 2, 0) / n;
      // Five standard deviations of the estimates.
      expect(Math.abs(found - mean)).toBeLessThan((5 * deviation) / Math.sqrt(n));
      expect(Math.abs(variance / deviation ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    });
  }
});

test('the same seed gives the same weights, 0 too', () => {
  tf.tidy(() => {
    for (const seed of [0, 1, -5]) {
      expectSameBits('w', hamming({ seed }).apply([9, 4]), hamming({ seed }).apply([9, 4]));
    }
    const [a, b] = [hamming(), hamming()].map((one) => values(one.apply([9, 4])));
    expect(a).not.toEqual(b);
    expect(hamming().apply([0, 3]).shape).toEqual([0, 3]);
  });
});

test("goes through a model file, of tfjs's layers too", async () => {
  const kernelInitializer = hamming({ mean: 0.25, stddev: 2, seed: 0 });
  const layers = [tf.layers.dense({ units: 3, inputShape: [4], kernelInitializer })];
  const model = tf.sequential({ layers });
  const loaded = await tf.models.modelFromJSON(JSON.parse(model.toJSON() as string));
  expectSameBits('kernel', loaded.getWeights()[0]!, model.getWeights()[0]!);
  expect(loaded.layers[0]!.getConfig().kernelInitializer).toEqual({
    className: 'HammingNormal',
    config: { mean: 0.25, stddev: 2, seed: 0 },
  });
  loaded.dispose();
  model.dispose();
});

test.each([
  [{ mean: Number.NaN }, 'mean'],
  [{ stddev: 0 }, 'stddev'],
  [{ stddev: -1 }, 'stddev'],
  [{ seed: 0.5 }, 'seed'],
  [3, 'options'],
])('refuses %j', (args, argument) => {
  expect(() => hamming(args as never)).toThrow(new RegExp(`^HammingNormal: ${argument} `));
});

test('refuses other data types', () => {
  expect(() => hamming().apply([2, 2], 'int32' as never)).toThrow('HammingNormal: dtype');
});
