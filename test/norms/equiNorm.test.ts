/** Equi-normalization of groups: the function stays, the weights are balanced, and what it refuses. */
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { runListOp } from '../../src/core/listKernels';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose, expectSameBits } from '../support/expectClose';
import { memory, tensor } from '../support/tensors';

let made = 0;
const variable = (shape: number[], seed: number, scale = 1): Variable =>
  tf.tidy(() => {
    made += 1;
    return tf.variable(tf.mul(tensor(normal(shape, seed)), scale), true, `equi ${made}`);
  });

/** A chain of dense layers with ReLUs between, unbalanced. */
function chain(widths = [6, 9, 7, 4]) {
  const kernels = widths
    .slice(1)
    .map((width, i) => variable([widths[i]!, width], i + 1, 4 ** (i % 2 ? 2 : -2)));
  const biases = widths.slice(1, -1).map((width, i) => variable([width], i + 20));
  const groups = biases.map((bias, i) => ({
    units: widths[i + 1]!,
    producers: [{ variable: kernels[i]!, axis: 1 }],
    consumers: [{ variable: kernels[i + 1]!, axis: 0 }],
    biases: [{ variable: bias, axis: 0 }],
  }));
  const predict = (x: Tensor) =>
    tf.tidy(() =>
      kernels.reduce((y: Tensor, kernel, i) => {
        const z = tf.matMul(y as never, kernel as never);
        return i < biases.length ? tf.relu(tf.add(z, biases[i]!)) : z;
      }, x),
    );
  const all = [...kernels, ...biases];
  return { kernels, biases, groups, predict, all, dispose: () => tf.dispose(all) };
}

const ORDERS = ['sequential', 'redblack', 'simultaneous'] as const;
const square = (w: Tensor, axis: number) => tf.sum(tf.square(w), axis).dataSync();
const objective = (of: Tensor[], p = 2) =>
  tf.tidy(() => tf.addN(of.map((w) => tf.sum(tf.pow(tf.abs(w), p)))).dataSync()[0]!);

describe.each(ORDERS)('%s', (order) => {
  test.each([1, 2, 3])('keeps the function and does not raise the objective, p = %d', (p) => {
    const net = chain();
    const x = tensor(normal([5, 6], 50));
    const before = Array.from(net.predict(x).dataSync());
    const equi = new norm.EquiNormalization(net.groups, { p, order });
    let last = objective(net.kernels, p);
    for (let i = 0; i < 3; i++) {
      expect(equi.step()).toBe(true);
      const now = objective(net.kernels, p);
      expect(now).toBeLessThanOrEqual(last * (1 + 1e-6));
      last = now;
    }
    const scale = Math.max(...before.map(Math.abs));
    expectClose('y', net.predict(x), before, { absolute: 1e-5 * scale, relative: 1e-5 });
    equi.dispose();
    net.dispose();
  });

  test('ends where incoming and outgoing norms are the same, and stays there', () => {
    const net = chain();
    // All at once takes twice as many as one after the other.
    const cycles = order === 'simultaneous' ? 30 : 15;
    const equi = new norm.EquiNormalization(net.groups, { order, cycles });
    equi.step();
    for (const { producers, consumers } of net.groups) {
      const incoming = square(producers[0]!.variable, 0);
      expectClose('norms', incoming, square(consumers[0]!.variable, 1), { relative: 1e-4 });
    }
    const before = net.all.map((one) => tf.clone(one));
    equi.step();
    net.all.forEach((one, i) => {
      expectSameBits(`weight ${i}`, one, before[i]!);
    });
    tf.dispose(before);
    equi.dispose();
    net.dispose();
  });
});

test('units without weights on one side stay', () => {
  const net = chain();
  const [first, second] = net.kernels as [Variable, Variable];
  const mask = tf.tensor2d(Array.from({ length: 9 }, (_, i) => [i === 4 ? 0 : 1]));
  second.assign(tf.mul(second, mask) as never);
  const before = Array.from(tf.slice(first, [0, 4], [6, 1]).dataSync());
  const equi = new norm.EquiNormalization(net.groups);
  equi.step();
  expectClose('dead', tf.slice(first, [0, 4], [6, 1]), before, { absolute: 0 });
  expect(Array.from(first.dataSync()).every(Number.isFinite)).toBe(true);
  equi.dispose();
  net.dispose();
});

test('a layer of zeros moves nothing around it', () => {
  const net = chain([6, 9, 7, 5, 4]);
  net.kernels[1]!.assign(tf.zeros([9, 7]));
  const before = net.kernels.slice(0, 3).map((kernel) => tf.clone(kernel));
  const equi = new norm.EquiNormalization(net.groups, { cycles: 3 });
  equi.step();
  const [first, second, third] = net.kernels as [Variable, Variable, Variable];
  expectSameBits('before', first, before[0]!);
  expectSameBits('zeros', second, before[1]!);
  // Its outputs are the inputs of the third, whose own outputs are balanced with the fourth.
  const [incoming, outgoing] = [square(third, 0), square(net.kernels[3]!, 1)];
  expectClose('norms', incoming, outgoing, { relative: 1e-5 });
  tf.dispose(before);
  equi.dispose();
  net.dispose();
});

test('a NaN stops its own unit alone', () => {
  const net = chain();
  const [first] = net.kernels as [Variable];
  const values = first.dataSync().slice();
  values[2] = Number.NaN;
  first.assign(tf.tensor2d(values, [6, 9]) as never);
  const equi = new norm.EquiNormalization(net.groups, { order: 'redblack' });
  equi.step();
  const after = first.dataSync();
  expect(Array.from(after).filter(Number.isNaN)).toHaveLength(1);
  expect(after[11]).toBe(values[11]);
  expect(after[1]).not.toBe(values[1]);
  equi.dispose();
  net.dispose();
});

test('a weight between units of one group does not raise the objective', () => {
  const [stem, body, head] = [
    variable([3, 5], 1),
    variable([5, 5], 2, 5),
    variable([5, 2], 3, 0.1),
  ];
  const axis = (of: Variable, at: number) => ({ variable: of, axis: at });
  const group = {
    units: 5,
    producers: [axis(stem, 1), axis(body, 1)],
    consumers: [axis(body, 0), axis(head, 0)],
  };
  const x = tensor(normal([4, 3], 9));
  const predict = () =>
    tf.tidy(() => {
      const y = tf.relu(tf.matMul(x as never, stem as never));
      return tf.matMul(tf.relu(tf.add(y, tf.matMul(y, body as never))), head as never);
    });
  const before = Array.from(predict().dataSync());
  const equi = new norm.EquiNormalization([group]);
  let last = objective([stem, body, head]);
  const first = last;
  for (let i = 0; i < 10; i++) {
    equi.step();
    const now = objective([stem, body, head]);
    expect(now).toBeLessThanOrEqual(last * (1 + 1e-6));
    last = now;
  }
  expect(last).toBeLessThan(0.9 * first);
  expectClose('y', predict(), before, { absolute: 1e-5, relative: 1e-5 });
  equi.dispose();
  tf.dispose([stem, body, head]);
});

// The base, what wraps it, and by which power of a weight's scale each of its buffers is divided.
test.each<[string, () => Optimizer, (base: Optimizer) => Optimizer, [string, number][]]>([
  [
    'Adam',
    () => tf.train.adam(0.001),
    (base) => base,
    [
      ['accumulatedFirstMoment', 1],
      ['accumulatedSecondMoment', 2],
    ],
  ],
  [
    'momentum in groups',
    () => tf.train.momentum(0.001, 0.9),
    (base) => norm.optimizers.withGroups(base, [{ match: '', weightDecay: 1e-3 }]),
    [['accumulations', 1]],
  ],
  [
    'momentum in clipped gradients in groups',
    () => tf.train.momentum(0.001, 0.9),
    (base) => norm.optimizers.withGroups(norm.optimizers.adaptiveGradClip(base), []),
    [['accumulations', 1]],
  ],
])('%s: buffers in the scale of gradients', (_, makeBase, wrap, lists) => {
  const net = chain();
  const base = makeBase();
  const optimizer = wrap(base);
  const x = tensor(normal([8, 6], 60));
  const train = () =>
    void optimizer.minimize(() => tf.mean(tf.square(net.predict(x))) as never, false, net.all);
  train();
  const state = base as unknown as Record<string, { originalName: string; variable: Variable }[]>;
  const of = (list: string, weight: Variable) =>
    state[list]!.find(({ originalName }) => originalName.startsWith(`${weight.name}/`))!.variable;
  const bias = net.biases[0]!;
  const buffers = lists.map(([list]) => of(list, bias));
  const read = () => [bias, ...buffers].map((one) => Array.from(one.dataSync()));
  const before = read();
  const equi = new norm.EquiNormalization(net.groups, { optimizer });
  equi.step();
  const after = read();
  let moved = 0;
  before[0]!.forEach((value, i) => {
    const d = after[0]![i]! / value;
    lists.forEach(([, power], list) => {
      const [was, is] = [before[1 + list]![i]!, after[1 + list]![i]!];
      expect(Math.abs(is * d ** power - was)).toBeLessThanOrEqual(1e-5 * Math.abs(was));
      // A unit that is off for the whole batch has none.
      if (was !== 0) moved = Math.max(moved, Math.abs(is / was - 1));
    });
  });
  expect(moved).toBeGreaterThan(0.1);
  train();
  equi.dispose();
  net.dispose();
  optimizer.dispose();
});

test('one new tensor for each weight that stays, and nothing else', () => {
  const net = chain();
  const equi = new norm.EquiNormalization(net.groups, { order: 'redblack', every: 2 });
  const before = memory();
  norm.resetCounters();
  expect(equi.step()).toBe(false);
  expect(equi.step()).toBe(true);
  expect(memory()).toEqual(before);
  if (native) {
    const { calls, outputBytes } = norm.counters();
    expect(calls).toEqual({ TfjsEquiNorm: 2, TfjsEquiNormScale: 1 });
    const values = net.all.reduce((sum, { size }) => sum + size, 0);
    // Beside the weights, the coefficients of 16 units twice.
    expect(outputBytes).toBe(4 * (values + 2 * 16));
  }
  equi.dispose();
  net.dispose();
});

test('has no gradient', () => {
  const scale = (x: Tensor) =>
    tf.sum(
      runListOp(
        'TfjsEquiNormScale',
        { x: [x], rows: [tf.ones([1])], columns: [tf.ones([3])], factors: [tf.ones([1])] },
        { power: 1 },
      ).y![0]!,
    );
  expect(() => tf.grad(scale as never)(tf.ones([3]))).toThrow(
    /its scaling is a change of the weights between training steps and has no gradient/,
  );
});

describe('refuses', () => {
  const net = chain();
  const [group] = net.groups as [(typeof net.groups)[0]];
  test.each<[string, unknown, object, RegExp]>([
    ['no groups', [], {}, /groups must be a list of one scaling group or more, got \[\]/],
    ['p = 0', [group], { p: 0 }, /p must be .* got 0/],
    [
      'an unknown order',
      [group],
      { order: 'random' },
      /order must be 'sequential', 'redblack' or 'simultaneous', got 'random'/,
    ],
    ['half a cycle', [group], { cycles: 0.5 }, /cycles must be a positive integer, got 0.5/],
    [
      'no consumer',
      [{ ...group, consumers: [] }],
      {},
      /groups\[0\].consumers must have one weight/,
    ],
    [
      'an axis of another extent',
      [{ ...group, units: 8 }],
      {},
      /producers\[0\].units must be 9, one for each slice/,
    ],
    ['slices of two units', [group, group], {}, /must name slices that have no other unit/],
    [
      'nothing but last weights',
      [group],
      { skipLast: true },
      /must have a group that skipLast does not leave out/,
    ],
  ])('%s', (_, groups, options, message) => {
    expect(() => new norm.EquiNormalization(groups as never, options as never)).toThrow(message);
  });
});
