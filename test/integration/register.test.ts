/** Stock tfjs layers after `tfjs-cuda-norm/register`. */
import type { LayersModel, layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { register, report, resetReport, unregister } from '../../src/register';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose, values } from '../support/expectClose';
import {
  compile,
  findLayer,
  models,
  predictions,
  saveAndLoad,
  train,
  weightsOf,
} from '../support/models';
import { memory, tensor } from '../support/tensors';

const CLOSE = { absolute: 1e-5, relative: 1e-5 };
let warnings: jest.SpyInstance;

beforeEach(() => {
  register();
  resetReport();
  norm.resetCounters();
  warnings = jest.spyOn(console, 'warn').mockImplementation();
});
afterEach(() => warnings.mockRestore());
afterAll(unregister);

/** With tfjs's own code. */
function stock<T>(body: () => T): T {
  unregister();
  try {
    return body();
  } finally {
    register();
  }
}

describe.each(models)('%s', (_, make) => {
  let model: LayersModel;
  beforeEach(() => {
    model = make();
    compile(model);
  });
  afterEach(() => model.dispose());

  test('trains as with tfjs alone, through native calls', async () => {
    const other = make();
    compile(other);
    unregister();
    const want = await train(other, 2);
    const wanted = predictions(other);
    const statistics = weightsOf(findLayer(other, 'bn'));
    register();
    expect(norm.counters().opCalls).toBe(0);
    expectClose('losses', await train(model, 2), want, { relative: 1e-3 });
    const { calls } = norm.counters();
    for (const op of ['BatchNorm', 'BatchNormGrad', 'LayerNorm', 'LayerNormGrad']) {
      expect((calls[`Tfjs${op}`] ?? 0) > 0).toBe(native);
    }
    expectClose('predictions', predictions(model), wanted, { absolute: 2e-3, relative: 1e-2 });
    for (const [name, value] of Object.entries(weightsOf(findLayer(model, 'bn')))) {
      expectClose(name, value, statistics[name]!, { absolute: 2e-3, relative: 1e-2 });
    }
    other.dispose();
  });

  test('stays what it was: classes, configuration and weights', () => {
    const other = stock(make);
    const facts = (one: LayersModel) =>
      ['bn', 'ln'].map((name) => {
        const layer = findLayer(one, name);
        return {
          constructor: layer.constructor,
          className: layer.getClassName(),
          config: layer.getConfig(),
          weights: layer.weights.map(({ originalName, shape }) => [originalName, shape]),
        };
      });
    expect(facts(model)).toEqual(facts(other));
    other.dispose();
  });

  test('saves to disk and loads back, native again', async () => {
    await train(model, 1);
    await saveAndLoad(model, (loaded) => {
      resetReport();
      expectClose('predictions', predictions(loaded), predictions(model), CLOSE);
      const names = report()[native ? 'native' : 'stock'].map(({ className }) => className);
      expect(new Set(names)).toEqual(new Set(['BatchNormalization', 'LayerNormalization']));
      expectClose(
        'stock predictions',
        stock(() => values(predictions(loaded))),
        predictions(loaded),
        CLOSE,
      );
    });
  });

  test('leaves no more behind than tfjs alone', async () => {
    const left = async () => {
      const before = memory();
      const other = make();
      compile(other);
      await train(other, 1);
      other.dispose();
      const after = memory();
      return { tensors: after.tensors - before.tensors, liveBytes: after.liveBytes };
    };
    unregister();
    const want = await left();
    register();
    expect(await left()).toEqual(want);
  });
});

const x4 = () => tensor(normal([2, 3, 4, 6], 4, { mean: 3 }));
const call = (layer: layers.Layer, x: Tensor, training = false) =>
  values(layer.apply(x, { training }) as Tensor);

test.each([
  ['channels first', tf.layers.batchNormalization, { axis: 1 }, false],
  ['channels first in training', tf.layers.batchNormalization, { axis: 1 }, true],
  ['no gamma', tf.layers.batchNormalization, { scale: false }, false],
  ['no parameters', tf.layers.layerNormalization, { scale: false, center: false }, false],
  ['several axes', tf.layers.layerNormalization, { axis: [1, 2, 3] }, false],
  ['a middle axis', tf.layers.layerNormalization, { axis: 1, epsilon: 0.1 }, false],
  ['axes in another order', tf.layers.layerNormalization, { axis: [2, 1] }, false],
])('%s gives what tfjs gives', (_, make, args, training) => {
  const layer = (make as (args: object) => layers.Layer)({ ...args, name: 'one' });
  const x = x4();
  call(layer, x);
  const want = stock(() => call(layer, x, training));
  resetReport();
  expectClose('y', call(layer, x, training), want, CLOSE);
  const { native: ran, stock: all } = report();
  const kept = all.filter(({ name }) => name === 'one');
  expect([...ran, ...kept]).toHaveLength(1);
  if (native)
    expect(kept.map(({ reason }) => reason)).toEqual(
      _ === 'axes in another order' ? [expect.stringMatching(/not in ascending order/)] : [],
    );
  tf.dispose([layer.getWeights(), x]);
});

test('what native ops do not take is computed by tfjs, which the report and one warning say', () => {
  const layer = tf.layers.batchNormalization({ name: 'odd' });
  const x = x4();
  call(layer, x);
  resetReport();
  warnings.mockClear();
  (layer as unknown as { epsilon: number }).epsilon = 0;
  const want = stock(() => call(layer, x));
  expectClose('y', call(layer, x), want, { absolute: 0 });
  call(layer, x);
  expect(report().native).toEqual([]);
  const reason = native
    ? expect.stringContaining('epsilon must be')
    : expect.stringContaining('composed');
  expect(report().stock.filter(({ name }) => name === 'odd')).toEqual([
    { name: 'odd', className: 'BatchNormalization', calls: 2, reason },
  ]);
  expect(warnings).toHaveBeenCalledTimes(native ? 1 : 0);
  x.dispose();
});

test('gradients of gradients, which native ops have not, are those of tfjs', () => {
  const layer = tf.layers.layerNormalization({ name: 'twice' });
  const x = tensor(normal([3, 5], 6));
  call(layer, x);
  const penalty = (value: Tensor) => {
    const gradient = tf.grad((inner: Tensor) =>
      tf
        .sum(tf.square(layer.apply(inner) as Tensor))
        .mul(0.5)
        .add(tf.sum(tf.mul(layer.apply(inner) as Tensor, x))),
    )(value);
    return tf.sum(tf.square(gradient)) as Tensor;
  };
  const want = stock(() => values(tf.grad(penalty)(x)));
  resetReport();
  expectClose('gradient', values(tf.grad(penalty)(x)), want, CLOSE);
  expect(report().native).toEqual([]);
  if (native) expect(report().stock[0]!.reason).toMatch(/gradients of gradients/);
  x.dispose();
});

test('several inputs are refused in the words of tfjs', () => {
  const layer = tf.layers.layerNormalization({ name: 'two' });
  const x = tensor(normal([3, 5], 6));
  call(layer, x);
  const words = () => {
    try {
      layer.call([x, x], {});
      return 'nothing';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(words()).toBe(stock(words));
  expect(words()).toMatch(/Expected Tensor length to be 1/);
  x.dispose();
});

describe('tf.batchNorm', () => {
  const channels = [0, 1, 2, 3].map((seed) => normal([6], seed, { mean: 2, deviation: 0.2 }));

  test.each([
    ['rank 4', [2, 3, 4, 6]],
    ['rank 3', [3, 4, 6]],
    ['rank 2', [5, 6]],
    ['no samples', [0, 6]],
  ])('of %s runs native', (_, shape) => {
    const x = tensor(normal(shape, 9));
    const [mean, variance, offset, scale] = channels.map(tensor);
    const run = () => values(tf.batchNorm(x, mean!, variance!, offset!, scale!, 0.01));
    const want = stock(run);
    expectClose('y', run(), want, CLOSE);
    const plain = () => values(tf.batchNorm(x, mean!, variance!));
    expectClose('y without parameters', plain(), stock(plain), CLOSE);
    expect(report().native.map(({ calls }) => calls)).toEqual(native ? [2] : []);
    tf.dispose([x, mean!, variance!, offset!, scale!]);
  });

  test("with statistics of its own shape, or epsilon 0, is tfjs's", () => {
    const x = tensor(normal([5, 6], 9));
    const run = () => values(tf.batchNorm(x, tf.zerosLike(x), tf.onesLike(x)));
    expectClose('y', run(), stock(run), { absolute: 0 });
    const [mean, variance] = channels.map(tensor);
    const sharp = () => values(tf.batchNorm(x, mean!, variance!, undefined, undefined, 0));
    expectClose('y', sharp(), stock(sharp), { absolute: 0 });
    expect(report().native).toEqual([]);
    expect(report().stock.map(({ reason }) => reason)).toEqual(
      native ? ['the native op takes parameters of shape [6]', 'epsilon is 0'] : [],
    );
    tf.dispose([x, mean!, variance!]);
  });
});

test('register and unregister may be called again and again', () => {
  const { call: registered } = tf.layers.layerNormalization({}).constructor.prototype;
  register();
  expect(tf.layers.layerNormalization({}).constructor.prototype.call).toBe(registered);
  unregister();
  unregister();
  expect(tf.layers.layerNormalization({}).constructor.prototype.call).not.toBe(registered);
});
