import type { initializers, LayersModel, layers, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectNoLeak, memory, tensor } from '../support/tensors';

type Initializer = ReturnType<typeof initializers.zeros>;

const FEATURES = 64;
const batch = (scale = 1, shift = 0) =>
  tensor(normal([500, FEATURES], 1, { mean: shift, deviation: scale }));

function network(
  activation: () => layers.Layer,
  initializer: (seed: number) => Initializer,
  depth = 16,
): LayersModel {
  const dense = (i: number) =>
    tf.layers.dense({ units: 256, name: `dense${i}`, kernelInitializer: initializer(i) });
  return tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: [FEATURES] }),
      ...Array.from({ length: depth }, (_, i) => [dense(i), activation()]).flat(),
      tf.layers.dense({ units: 10, activation: 'softmax', name: 'head' }),
    ],
  });
}

const exact = (seed: number) => norm.initializers.leCunNormal({ seed });
const stock = (seed: number) => tf.initializers.leCunNormal({ seed });

function check(model: LayersModel, x: Tensor | Tensor[], options?: object) {
  const report = norm.checkSelfNormalizing(model, x, options);
  tf.dispose(x);
  model.dispose();
  return report;
}

test.each([
  ['selu', () => norm.layers.selu()],
  ['seluAlphaDropout', () => norm.layers.seluAlphaDropout({ rate: 0.1 })],
  ["activation 'selu'", () => tf.layers.activation({ activation: 'selu' })],
])('16 layers with exact weights and %s are self-normalizing', (_, activation) => {
  const report = check(network(activation, exact), batch());
  expect(report.selfNormalizing).toBe(true);
  expect(report.reasons).toEqual([]);
  expect(report.input.ok).toBe(true);
  expect(report.layers).toHaveLength(33);
  const judged = report.layers.filter((layer) => layer.judged);
  expect(judged).toHaveLength(16);
  for (const { mean, variance } of judged) {
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(Math.abs(variance - 1)).toBeLessThan(0.2);
  }
  const { weights } = report.layers.find(({ name }) => name === 'dense3')!;
  expect(weights!.squares).toBeCloseTo(1, 1);
});

test("with tfjs's leCunNormal they are not, and it says why", () => {
  const report = check(
    network(() => norm.layers.selu(), stock),
    batch(),
  );
  expect(report.selfNormalizing).toBe(false);
  const last = report.layers.filter((layer) => layer.judged).at(-1)!;
  expect(last.variance).toBeLessThan(0.5);
  expect(last.ok).toBe(false);
  expect(report.reasons.join('\n')).toMatch(/gives mean -?\d.* and variance 0\.[34]/);
  expect(report.reasons.join('\n')).toMatch(
    /dense5: the squares of a unit's weights add up to 0\.7\d*, not 1.*leCunNormal/,
  );
});

test('inputs that are not standardized are a reason', () => {
  const report = check(
    network(() => norm.layers.selu(), exact, 1),
    batch(10, 5),
  );
  expect(report.selfNormalizing).toBe(false);
  expect(report.input.ok).toBe(false);
  expect(report.reasons.join('\n')).toMatch(/the input has mean 4\.9\d* and variance .*: stand/);
});

test('a model without SELU is not', () => {
  const report = check(
    network(() => tf.layers.reLU(), exact, 2),
    batch(),
  );
  expect(report.selfNormalizing).toBe(false);
  expect(report.reasons).toEqual(['the model has no SELU']);
});

test('another fixed point', () => {
  const parameters = norm.seluParameters(0, 2);
  const wide = () => network(() => norm.layers.selu(parameters), exact);
  expect(check(wide(), batch(Math.SQRT2), { variance: 2 }).selfNormalizing).toBe(true);
  expect(check(wide(), batch(Math.SQRT2)).selfNormalizing).toBe(false);
});

test('functional, nested and shared layers, several inputs', () => {
  const inner = tf.sequential({
    name: 'inner',
    layers: [
      tf.layers.dense({
        units: FEATURES,
        inputShape: [FEATURES],
        activation: 'selu',
        name: 'deep',
        kernelInitializer: exact(5),
      }),
    ],
  });
  const [a, b] = [tf.input({ shape: [FEATURES] }), tf.input({ shape: [FEATURES] })];
  const both = tf.layers
    .concatenate()
    .apply([inner.apply(a) as SymbolicTensor, inner.apply(b) as SymbolicTensor]);
  const model = tf.model({ inputs: [a!, b!], outputs: both as SymbolicTensor });
  const report = norm.checkSelfNormalizing(model, [batch(), batch()]);
  expect(report.layers.filter(({ judged }) => judged).map(({ name }) => name)).toEqual([
    'deep',
    'deep',
  ]);
  expect(report.selfNormalizing).toBe(true);
});

test('NaN is not within the bounds', () => {
  const x = tf.fill([10, FEATURES], Number.NaN);
  const report = check(
    network(() => norm.layers.selu(), exact, 1),
    x,
  );
  expect(report.selfNormalizing).toBe(false);
  expect(report.input.ok).toBe(false);
});

test('changes nothing: layers call as before, no tensor stays, no mask is drawn', async () => {
  const model = network(() => norm.layers.seluAlphaDropout({ rate: 0.5, seed: 1 }), exact, 2);
  const x = batch();
  const own = model.layers.map((layer) => Object.hasOwn(layer, 'call'));
  await expectNoLeak(() => void norm.checkSelfNormalizing(model, x));
  expect(model.layers.map((layer) => Object.hasOwn(layer, 'call'))).toEqual(own);
  expect(own.some(Boolean)).toBe(false);
  model.dispose();
  x.dispose();
});

test.each([
  ['no model', () => norm.checkSelfNormalizing({} as never, tf.ones([1])), /model must be/],
  [
    'no batch',
    () =>
      norm.checkSelfNormalizing(
        network(() => norm.layers.selu(), exact, 1),
        null as never,
      ),
    /batch must be .*got null/,
  ],
  [
    'an empty batch',
    () =>
      norm.checkSelfNormalizing(
        network(() => norm.layers.selu(), exact, 1),
        tf.zeros([0, FEATURES]),
      ),
    /batch must be a tensor with elements/,
  ],
  [
    'variance 0',
    () =>
      norm.checkSelfNormalizing(
        network(() => norm.layers.selu(), exact, 1),
        batch(),
        {
          variance: 0,
        },
      ),
    /variance must be/,
  ],
])('refuses %s', (_, call, message) => {
  expect(() => tf.tidy(() => void call())).toThrow(message);
  expect(() => tf.tidy(() => void call())).toThrow(/^checkSelfNormalizing: /);
});

test('a model that cannot take the batch throws, and its layers call as before', () => {
  const model = network(() => norm.layers.selu(), exact, 1);
  const x = tf.ones([4, FEATURES + 1]);
  const before = memory();
  expect(() => norm.checkSelfNormalizing(model, x)).toThrow();
  expect(memory()).toEqual(before);
  expect(model.layers.some((layer) => Object.hasOwn(layer, 'call'))).toBe(false);
  tf.dispose(x);
  model.dispose();
});
