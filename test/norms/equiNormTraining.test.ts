/** Equi-normalization in training: as a callback, saved and loaded models, and the figures that need no data. */
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose } from '../support/expectClose';
import { memory, tensor } from '../support/tensors';

const { layers } = tf;

/** Plain tfjs layers, one of which weighs a hundred times as much as it should. */
function network(): LayersModel {
  const seeded = (seed: number) => tf.initializers.heNormal({ seed });
  const model = tf.sequential({
    layers: [
      layers.conv2d({
        inputShape: [4, 4, 2],
        filters: 6,
        kernelSize: 3,
        activation: 'relu',
        kernelInitializer: seeded(1),
      }),
      layers.flatten(),
      layers.dense({ units: 8, activation: 'relu', kernelInitializer: seeded(2) }),
      layers.dense({ units: 3, activation: 'softmax', kernelInitializer: seeded(3) }),
    ],
  });
  const [kernel] = model.layers[2]!.getWeights();
  model.layers[2]!.setWeights([tf.mul(kernel!, 10), tf.zeros([8])]);
  return model;
}

function data(): { x: Tensor; y: Tensor } {
  return tf.tidy(() => {
    const x = tensor(normal([24, 4, 4, 2], 5));
    const classes = tf.argMax(tf.slice(tf.reshape(x, [24, 32]), [0, 0], [24, 3]), 1);
    return { x, y: tf.cast(tf.oneHot(classes as never, 3), 'float32') };
  });
}

/** Largest |log| of the quotient of what goes into a unit and what comes out. */
function imbalance(equi: InstanceType<typeof norm.EquiNormalization>): number {
  const worst = equi.groups.map(({ units, producers, consumers }) => {
    const sums = [producers, consumers].map((of) => {
      const total = new Float64Array(units);
      for (const { variable, axis, units: slices } of of) {
        const at = axis < 0 ? axis + variable.rank : axis;
        const others = variable.shape.map((_, i) => i).filter((i) => i !== at);
        const squares = tf.tidy(() => tf.sum(tf.square(variable), others).dataSync());
        squares.forEach((value, i) => {
          total[slices?.[i] ?? i]! += value;
        });
      }
      return total;
    }) as [Float64Array, Float64Array];
    return Math.max(...Array.from(sums[0], (sum, i) => Math.abs(Math.log(sum / sums[1][i]!))));
  });
  return Math.max(...worst);
}

test.each([
  ['sgd', () => tf.train.sgd(0.05)],
  ['momentum', () => tf.train.momentum(0.02, 0.9)],
  ['adam', () => tf.train.adam(0.01)],
] as const)('model.fit with %s trains, and leaves the weights balanced', async (_, optimizer) => {
  const model = network();
  model.compile({ optimizer: optimizer(), loss: 'categoricalCrossentropy' });
  const equi = new norm.EquiNormalization(model, { order: 'redblack' });
  expect(imbalance(equi)).toBeGreaterThan(3);
  const { x, y } = data();
  const { history } = await model.fit(x, y, {
    epochs: 4,
    batchSize: 8,
    shuffle: false,
    verbose: 0,
    callbacks: equi,
  });
  const loss = history.loss as number[];
  expect(loss.every(Number.isFinite)).toBe(true);
  expect(loss.at(-1)).toBeLessThan(0.8 * loss[0]!);
  expect(imbalance(equi)).toBeLessThan(0.2);
  equi.dispose();
  tf.dispose([x, y]);
  model.optimizer.dispose();
  model.dispose();
});

test('the model is saved and loaded as ever, and goes on', async () => {
  const { x, y } = data();
  const model = network();
  model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
  const equi = new norm.EquiNormalization(model);
  await model.fit(x, y, { epochs: 1, batchSize: 8, verbose: 0, callbacks: [equi] });
  const before = (model.predict(x) as Tensor).dataSync();
  let saved: unknown;
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    },
  });
  const loaded = await tf.loadLayersModel({ load: async () => saved as never });
  expectClose('loaded', loaded.predict(x) as Tensor, before, { absolute: 1e-6 });
  loaded.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
  const again = new norm.EquiNormalization(loaded);
  await loaded.fit(x, y, { epochs: 1, batchSize: 8, verbose: 0, callbacks: again });
  again.dispose();
  equi.dispose();
  loaded.dispose();
  model.dispose();
  tf.dispose([x, y]);
});

test('a step of a model keeps its predictions, follows its optimizer, and leaves nothing behind', () => {
  const { x, y } = data();
  const model = network();
  const equi = new norm.EquiNormalization(model, { order: 'redblack' });
  const before = (model.predict(x) as Tensor).dataSync();
  const [tensors, objective] = [memory(), equi.objective()];
  equi.step();
  expect(memory()).toEqual(tensors);
  expect(equi.objective()).toBeLessThan(objective);
  expectClose('y', model.predict(x) as Tensor, before, { absolute: 1e-5 });
  // Compiled afterwards, with an optimizer that it cannot follow: nothing is changed.
  model.compile({ optimizer: 'adagrad', loss: 'categoricalCrossentropy' });
  const kernel = model.getWeights()[0]!.dataSync();
  expect(() => equi.step()).toThrow(/optimizer must be one of .*got 'AdagradOptimizer'/);
  expectClose('kernel', model.getWeights()[0]!, kernel, { absolute: 0 });
  equi.dispose();
  model.dispose();
  tf.dispose([x, y]);
});

// 12 layers of 20 units with normal weights.
function deep(): LayersModel {
  const dense = (i: number) =>
    layers.dense({
      units: 20,
      activation: i < 11 ? 'relu' : 'linear',
      ...(i === 0 && { inputShape: [20] }),
    });
  const model = tf.sequential({ layers: Array.from({ length: 12 }, (_, i) => dense(i)) });
  model.layers.forEach((layer, i) => {
    tf.tidy(() => {
      const kernel = tf.mul(tensor(normal([20, 20], i + 1)), Math.sqrt(2 / 20));
      layer.setWeights([kernel, tf.mul(tensor(normal([20], i + 50)), 0.1)]);
    });
  });
  return model;
}

/** 30 cycles: the objectives, the imbalance at the end and its rate per cycle, and how far the outputs move. */
function balanced(order: 'sequential' | 'redblack' | 'simultaneous') {
  const model = deep();
  const equi = new norm.EquiNormalization(model, { order });
  const x = tensor(normal([8, 20], 90));
  const predict = () => (model.predict(x) as Tensor).dataSync();
  const before = predict();
  const moved = () =>
    Math.hypot(...predict().map((v, i) => v - before[i]!)) / Math.hypot(...before);
  const objectives = [equi.objective()];
  const step = () => {
    equi.step();
    objectives.push(equi.objective());
  };
  step();
  const first = moved();
  for (let cycle = 1; cycle < 20; cycle++) step();
  const near = imbalance(equi);
  for (let cycle = 20; cycle < 30; cycle++) step();
  const end = imbalance(equi);
  const result = { objectives, end, rate: (end / near) ** 0.1, first, last: moved() };
  equi.dispose();
  model.dispose();
  x.dispose();
  return result;
}

// The same on all native devices as far as the figures go; composed of tfjs ops it takes long.
(native ? describe : describe.skip)('12 layers of 20 units in 30 cycles', () => {
  test.each([
    ['sequential', 0.933, 3e-3],
    ['redblack', 0.933, 5e-3],
    ['simultaneous', 0.966, 0.1],
  ] as const)('%s: imbalance falls by %d a cycle', (order, rate, most) => {
    const got = balanced(order);
    got.objectives.slice(1).forEach((objective, i) => {
      expect(objective).toBeLessThanOrEqual(got.objectives[i]! * (1 + 1e-6));
    });
    expect(Math.abs(got.rate - rate)).toBeLessThan(0.003);
    expect(got.end).toBeLessThan(most);
    expect(got.end).toBeGreaterThan(most / 10);
    expect(got.first).toBeLessThan(1e-6);
    expect(got.last).toBeLessThan(5e-6);
  });
});
