import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { expectClose } from '../support/expectClose';
import { type FilterResponseSettings, filterResponse } from '../support/filterResponseReference';
import { prepare, tensorsOf } from '../support/prepared';
import { instancePartition, type Options } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const { filterResponseNorm } = norm.ops;
const call = (x: unknown, options: object) => filterResponseNorm(x as Tensor, options);
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));
const layerOf = (args: object = {}) => norm.layers.filterResponseNormalization(args);
const { gammaRegularizer: penalty, gammaConstraint: limit } = EVERY_AFFINE_ARGUMENT;

const table: Normalizer = {
  name: 'filterResponseNorm',
  epsilon: 1e-6,
  scale: true,
  center: true,
  invariance: 'scale',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 3, 5, 6], scale: false },
    { shape: [2, 3, 5, 6], center: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 5, 31], options: { axis: 1 } },
    { shape: [2, 33, 1] },
    { shape: [2, 3, 4, 5], options: { axis: 2 } },
    { shape: [1, 3, 2, 3, 7] },
    { shape: [1, 21, 17, 3] },
    { shape: [1, 3, 3, 129] },
    { shape: [2, 60, 60, 8] },
    { shape: [3, 4, 5, 6], mean: 1e4, deviation: 0.25 },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 3, 0, 6] },
  ],
  op: (x, parameters, options) => call(x, { ...parameters, ...(options as object) }),
  partition: instancePartition,
  reference: filterResponse,
  layer: {
    className: 'FilterResponseNormalization',
    create: layerOf,
    defaults: {
      axis: -1,
      epsilon: 1e-6,
      learnedEpsilon: false,
      tlu: false,
      learnedEpsilonRegularizer: null,
      learnedEpsilonConstraint: null,
      tauInitializer: { className: 'Zeros', config: {} },
      tauRegularizer: null,
      tauConstraint: null,
      ...AFFINE_DEFAULTS,
    },
    usable: {},
    everyArgument: {
      axis: [2, 3],
      epsilon: 0,
      learnedEpsilon: 'perChannel',
      tlu: true,
      learnedEpsilonInitializer: constant(2),
      learnedEpsilonRegularizer: penalty,
      learnedEpsilonConstraint: limit,
      tauInitializer: constant(3),
      tauRegularizer: penalty,
      tauConstraint: limit,
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => affineWeights([shape.at(-1)!], args),
  },
  badArguments: [
    ...commonBadArguments('filterResponseNorm', call, () => ones(2, 4, 4, 6)),
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^filterResponseNorm: axis/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^filterResponseNorm: x.*rank/],
    ['gamma too long', bad(() => ({ gamma: ones(7) })), /filterResponseNorm: gamma.*\[6\].*\[7\]/],
    ['tau too short', bad(() => ({ tau: ones(5) })), /^filterResponseNorm: tau.*\[6\].*\[5\]/],
    [
      'a learned epsilon of two',
      bad(() => ({ learnedEpsilon: ones(2) })),
      /^filterResponseNorm: learnedEpsilon.*\[1\] or \[6\].*\[2\]/,
    ],
    [
      'a learned epsilon of rank 0',
      bad(() => ({ learnedEpsilon: tf.scalar(1) })),
      /^filterResponseNorm: learnedEpsilon/,
    ],
    [
      'a negative epsilon beside a learned one',
      bad(() => ({ learnedEpsilon: ones(1), epsilon: -1 })),
      /^filterResponseNorm: epsilon.*-1/,
    ],
    ['a layer with epsilon 0', () => layerOf({ epsilon: 0 }), /epsilon.*greater than 0/],
    ['a layer whose axes name the batch', () => layerOf({ axis: [0, 1] }), /axis/],
    ['a layer whose axes leave two', () => layerOf({ axis: [1, 1] }), /axis/],
    [
      'a layer whose axes are too many',
      () => layerOf({ axis: [1, 2] }).build([2, 3, 4]),
      /axis.*3 axes/,
    ],
    ['learnedEpsilon 1', () => layerOf({ learnedEpsilon: 1 }), /learnedEpsilon.*boolean/],
    ['tlu yes', () => layerOf({ tlu: 'yes' }), /tlu.*boolean/],
  ],
};

describeNormalizer(table);

const values = (of: number[]) => array64([of.length], of.map(Math.fround));
const TAU = [0.25, -0.5, 0, 0.75, -2, 9];
const ONE = [-0.125];
const EACH = [0.125, -0.25, 1e-3, -1e-4, 2, -0.5];

/** y and all five gradients against the reference. */
function check(shape: number[], given: FilterResponseSettings, options: Options = {}, seed = 1) {
  const p = prepare(table, { shape, options }, seed);
  const reference = filterResponse(
    p.x.data,
    instancePartition(shape, options),
    p.parameters,
    given,
  );
  expect(reference.margin).toBeGreaterThan(1e-5);
  const want = reference.gradients(p.dy.data);
  const own = [given.tau, given.learned].flatMap((of) => (of ? [tensor(values([...of]))] : []));
  tf.tidy(() => {
    const { x, dy, gamma, beta } = tensorsOf(p);
    const { y, grads } = withGradients(
      (a, b, c, ...rest) => {
        const tau = given.tau && rest.shift();
        return call(a, {
          gamma: b,
          beta: c,
          tau,
          learnedEpsilon: rest[0],
          epsilon: given.epsilon,
          ...options,
        });
      },
      [x, gamma!, beta!, ...own],
      dy,
    );
    expectClose('y', y, reference.y);
    const names = ['x', 'gamma', 'beta'] as const;
    names.forEach((name, i) => {
      expectClose(`d${name}`, grads[i]!, want[name]);
    });
    const rest = grads.slice(3);
    if (given.tau) expectClose('dtau', rest.shift()!, want.tau);
    if (given.learned) expectClose('dlearnedEpsilon', rest[0]!, want.learned);
  });
  tf.dispose(own);
}

describe('filterResponseNorm', () => {
  const tau = Float64Array.from(TAU);
  const one = Float64Array.from(ONE);
  const each = Float64Array.from(EACH, Math.fround);
  const shape = [3, 5, 4, 6];

  test.each<[string, number[], FilterResponseSettings, Options?]>([
    ['a threshold', shape, { epsilon: 1e-6, tau }],
    ['one learned epsilon', shape, { epsilon: 1e-6, learned: one }],
    ['a learned epsilon for each channel', shape, { epsilon: 0, learned: each }],
    ['a threshold and one learned epsilon', shape, { epsilon: 1e-6, tau, learned: one }],
    ['a threshold and learned epsilons', shape, { epsilon: 1e-3, tau, learned: each }],
    ['all of it, channels first', [2, 6, 5, 3], { epsilon: 0, tau, learned: each }, { axis: 1 }],
    ['all of it, a middle axis', [2, 3, 6, 4], { epsilon: 0, tau, learned: each }, { axis: 2 }],
    ['all of it, one position', [7, 6], { epsilon: 1e-3, tau, learned: each }],
    ['one position, one epsilon', [5, 1, 1, 6], { epsilon: 1e-3, tau, learned: one }],
  ])('y and every gradient: %s', (...[, of, given, options]) => check(of, given, options));

  test('the gradient of one position is right to its last digits', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([[3, -1e4, 1e-3]]);
      const { grads } = withGradients((a) => call(a, { epsilon: 1e-6 }), [x], ones(1, 3));
      const want = [3, -1e4, 1e-3].map((value) => 1e-6 / (value ** 2 + 1e-6) ** 1.5);
      expectClose('dx', grads[0]!, want.map(Math.fround), { relative: 1e-5 });
    });
  });

  test('where x is 0 and beta is tau, dy counts: also among other values', () => {
    tf.tidy(() => {
      const x = tensor(normal([2, 8, 8, 6], 5)).relu() as Tensor;
      const dy = tensor(normal([2, 8, 8, 6], 6));
      for (const start of [tf.zeros([6]), tf.fill([6], 0.3)]) {
        const { y, grads } = withGradients(
          (a, beta, tau) => call(a, { beta, tau }),
          [x, start, start.clone()],
          dy,
        );
        expectClose('dbeta', grads[1]!, dy.sum([0, 1, 2]));
        expect(grads[2]!.abs().max().dataSync()[0]).toBe(0);
        const zeros = x.equal(0);
        expect(y.where(zeros, start).sub(start).abs().max().dataSync()[0]).toBe(0);
      }
    });
  });

  test('zeros without any epsilon give beta and no gradient', () => {
    tf.tidy(() => {
      const learnedEpsilon = tf.zeros([1]);
      const { y, grads } = withGradients(
        (x, learned) => call(x, { beta: tf.fill([3], 0.5), learnedEpsilon: learned, epsilon: 0 }),
        [tf.zeros([2, 4, 3]), learnedEpsilon],
        ones(2, 4, 3),
      );
      expect(new Set(y.dataSync())).toEqual(new Set([0.5]));
      expect(new Set([...grads[0]!.dataSync(), ...grads[1]!.dataSync()])).toEqual(new Set([0]));
    });
  });

  test('a NaN in tau makes its channel NaN, infinities bound all and nothing', () => {
    tf.tidy(() => {
      const tau = tf.tensor1d([Number.NaN, Infinity, -Infinity]);
      const x = tensor(normal([2, 4, 3], 7));
      const y = call(x, { tau }).transpose([2, 0, 1]).reshape([3, 8]).arraySync() as number[][];
      expect(y[0]!.every(Number.isNaN)).toBe(true);
      expect(new Set(y[1])).toEqual(new Set([Infinity]));
      const free = call(x, {}).transpose([2, 0, 1]).reshape([3, 8]).arraySync() as number[][];
      expect(y[2]).toEqual(free[2]);
    });
  });
});
