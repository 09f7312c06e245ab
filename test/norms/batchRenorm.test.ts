import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal, normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { expectClose, expectSameBits } from '../support/expectClose';
import { prepare, tensorsOf } from '../support/prepared';
import { batchPartition, type Options } from '../support/reference';
import { renormalized } from '../support/renormReference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const { batchRenorm, batchNorm } = norm.ops;
const channelsOf = (shape: readonly number[], { axis = -1 }: Options) =>
  shape[normalizeAxis(axis as number, shape.length)] ?? 0;

/** With the running statistics of a new layer; `options` replaces any. */
function call(x: Tensor, options: object): Tensor {
  return tf.tidy(() => {
    const channels = [channelsOf(x.shape ?? [6], options)];
    const state = { renormMean: tf.zeros(channels), renormStddev: tf.ones(channels) };
    return batchRenorm(x, { ...state, ...options }).y;
  });
}
const six = (options: object) => {
  const state = { renormMean: tf.zeros([6]), renormStddev: ones(6) };
  return batchRenorm(ones(4, 3, 3, 6), { ...state, ...options }).y;
};
const bad = (options: () => object) => () => tf.tidy(() => six(options()));
const layerOf = (args: object = {}) =>
  norm.layers.batchNormalization({ renorm: true, ...args } as never);
const clip = (rmax: number, rmin: number, dmax: number) => ({ rmax, rmin, dmax });
const BOUNDED = { renormClipping: clip(1.25, 0.75, 0.5) };

const table: Normalizer = {
  name: 'batchRenorm',
  epsilon: 1e-3,
  scale: true,
  center: true,
  invariance: 'none',
  independentSamples: false,
  cases: [
    { shape: [3, 5, 4, 6], options: BOUNDED },
    { shape: [3, 5, 4, 6] },
    { shape: [2, 3, 5, 6], options: { renormClipping: { rmin: 2 } }, scale: false },
    { shape: [2, 3, 5, 6], options: { renormClipping: { dmax: 0.25 } }, center: false },
    { shape: [2, 3, 5, 6], options: { renormClipping: { rmax: 1 } }, scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1, renormClipping: clip(1.5, 0.5, 0.5) } },
    { shape: [2, 3, 4, 5], options: { axis: 2 } },
    { shape: [3, 4, 2], options: { axis: 0, renormClipping: clip(1.5, 0.5, 0.5) } },
    { shape: [3, 31, 7], options: { axis: 1 } },
    { shape: [9, 5], options: { renormClipping: clip(3, 1 / 3, 5) } },
    { shape: [33, 1] },
    { shape: [7, 127], options: { renormClipping: clip(1.5, 0.5, 0.5) } },
    { shape: [2, 3, 2, 3, 7] },
    { shape: [1, 21, 17, 3], options: { renormClipping: clip(1, 1, 0) } },
    { shape: [2, 60, 60, 8], options: { renormClipping: clip(1.5, 0.5, 0.5) } },
    { shape: [1, 1, 1, 3], options: { renormClipping: clip(1.5, 0.5, 0.5) } },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 0, 3, 6] },
  ],
  op: (x, parameters, options) => call(x, { ...parameters, ...options }),
  partition: batchPartition,
  reference: (x, partition, parameters, options) => renormalized(x, partition, parameters, options),
  layer: {
    className: 'NativeBatchNormalization',
    create: (args) => layerOf(args),
    defaults: {
      axis: -1,
      momentum: 0.99,
      epsilon: 1e-3,
      unbiased: false,
      virtualBatchSize: null,
      renormClipping: null,
      renormMomentum: 0.99,
      movingMeanInitializer: { className: 'Zeros', config: {} },
      movingVarianceInitializer: { className: 'Ones', config: {} },
      ...AFFINE_DEFAULTS,
    },
    // The features of a new layer without bounds are those of x.
    usable: BOUNDED,
    everyArgument: {
      axis: 1,
      momentum: 0.75,
      epsilon: 0.25,
      renorm: true,
      renormClipping: { rmax: 2, rmin: 0.25, dmax: 1 },
      renormMomentum: 0.5,
      movingMeanInitializer: constant(6),
      movingVarianceInitializer: constant(7),
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => {
      const channels = [channelsOf(shape, args)];
      const state = ['moving_mean', 'moving_variance', 'moving_stddev', 'renorm_mean'];
      return [
        ...affineWeights(channels, args),
        ...[...state, 'renorm_stddev'].map((name) => ({ name, shape: channels, trainable: false })),
      ];
    },
  },
  badArguments: [
    ...commonBadArguments(
      'batchRenorm',
      (x, options) => call(x as Tensor, options),
      () => ones(4, 3, 3, 6),
    ),
    ['momentum 1.5', bad(() => ({ momentum: 1.5 })), /^batchRenorm: momentum.*1\.5/],
    ['renormMomentum -1', bad(() => ({ renormMomentum: -1 })), /^batchRenorm: renormMomentum.*-1/],
    ...(
      [
        ['a number', 3, 'object'],
        ['a list', [3, 1, 5], 'object'],
        ['another bound', { rMax: 3 }, 'no other.*rMax'],
        ['a negative rmax', { rmax: -1 }, 'rmax.*negative.*-1'],
        ['a negative rmin', { rmin: -0.5 }, 'rmin.*negative.*-0\\.5'],
        ['a negative dmax', { dmax: -2 }, 'dmax.*negative.*-2'],
        ['a bound that is not a number', { dmax: '5' }, 'dmax.*number.*5'],
        ['a bound that is NaN', { rmin: Number.NaN }, 'rmin.*number'],
        ['rmin above rmax', { rmin: 2, rmax: 1.5 }, 'rmin above.*1\\.5'],
      ] as [string, unknown, string][]
    ).map(
      ([what, renormClipping, words]) =>
        [
          `renormClipping: ${what}`,
          bad(() => ({ renormClipping })),
          new RegExp(`^batchRenorm: renormClipping.*${words}`, 's'),
        ] as [string, () => unknown, RegExp],
    ),
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^batchRenorm: x.*rank/],
    ['no renormMean', bad(() => ({ renormMean: undefined })), /^batchRenorm: renormMean/],
    [
      'renormStddev too short',
      bad(() => ({ renormStddev: ones(5) })),
      /^batchRenorm: renormStddev.*\[6\].*\[5\]/,
    ],
    [
      'movingMean too long',
      bad(() => ({ movingMean: ones(7) })),
      /^batchRenorm: movingMean.*\[6\].*\[7\]/,
    ],
    [
      'movingStddev of rank 2',
      bad(() => ({ movingStddev: ones(6, 1) })),
      /^batchRenorm: movingStddev.*\[6\].*\[6,\s?1\]/,
    ],
    ['gamma too short', bad(() => ({ gamma: ones(5) })), /^batchRenorm: gamma.*\[6\].*\[5\]/],
    [
      'a layer with ghost batches',
      () => layerOf({ virtualBatchSize: 2 }),
      /virtualBatchSize.*renorm.*2/,
    ],
    ['a layer with unbiased statistics', () => layerOf({ unbiased: true }), /unbiased.*renorm/],
    ['a layer with renorm 1', () => layerOf({ renorm: 1 }), /renorm.*boolean.*1/],
    ['a layer with renormMomentum 2', () => layerOf({ renormMomentum: 2 }), /renormMomentum.*2/],
    [
      'setting bounds that cannot be',
      () => {
        layerOf().renormClipping = { rmax: 1, rmin: 2 };
      },
      /NativeBatchNormalization: renormClipping.*rmin above/,
    ],
  ],
};

describeNormalizer(table);

describe('batchRenorm', () => {
  const shape = [3, 5, 4, 6];
  const p = prepare(table, { shape });
  const state = {
    renormMean: normal([6], 31, { mean: 0.5 }),
    renormStddev: { shape: [6], data: Float64Array.from([0.5, 1, 1.75, 2, 0, 2.5]) },
    movingMean: normal([6], 32),
    movingStddev: { shape: [6], data: Float64Array.from([1, 2, 3, 4, 5, 6].map(Math.sqrt)) },
  };
  const running = { mean: state.renormMean.data, stddev: state.renormStddev.data };
  const tensors = () =>
    Object.fromEntries(Object.entries(state).map(([name, of]) => [name, tensor(of)])) as Record<
      keyof typeof state,
      Tensor
    >;
  const partition = batchPartition(shape, {});

  test.each([undefined, clip(1.25, 0.75, 0.5), clip(1, 1, 0), clip(Infinity, 0, 0)])(
    'y, gradients, corrections and running statistics with bounds %j',
    (renormClipping) => {
      const want = renormalized(p.x.data, partition, p.parameters, {
        epsilon: 1e-3,
        renormClipping,
        running,
      });
      const wantGrads = want.gradients(p.dy.data);
      tf.tidy(() => {
        const { x, dy, gamma, beta } = tensorsOf(p);
        const given = tensors();
        const options = { ...given, renormClipping, momentum: 0.75, renormMomentum: 0.5 };
        const run = (a: Tensor, b?: Tensor, c?: Tensor) =>
          batchRenorm(a, { ...options, gamma: b, beta: c });
        const { y, grads } = withGradients((a, b, c) => run(a!, b, c).y, [x, gamma!, beta!], dy);
        expectClose('y', y, want.y);
        expectClose('dx', grads[0]!, wantGrads.x);
        expectClose('dgamma', grads[1]!, wantGrads.gamma);
        expectClose('dbeta', grads[2]!, wantGrads.beta);

        const result = run(x, gamma, beta);
        const { r, d } = want.held.corrections;
        expectClose('corrections', result.corrections, [...r, ...d]);
        const follow = (old: Float64Array, now: Float64Array, momentum: number) =>
          old.map((value, c) => momentum * value + (1 - momentum) * now[c]!);
        const exact = { scaled: 1e-6, relative: 2e-6 };
        const moved: [keyof typeof state, Float64Array, number][] = [
          ['movingMean', want.mean, 0.75],
          ['movingStddev', want.stddev, 0.75],
          ['renormMean', want.mean, 0.5],
          ['renormStddev', want.stddev, 0.5],
        ];
        for (const [name, now, momentum] of moved) {
          expectClose(name, result[name], follow(state[name].data, now, momentum), exact);
          expectSameBits(`the ${name} given`, given[name], Float32Array.from(state[name].data));
        }
      });
    },
  );

  test('bounds of 1, 1 and 0 give batch norm, in every bit', () => {
    tf.tidy(() => {
      const { x, dy, gamma, beta } = tensorsOf(p);
      const moving = { movingMean: tf.zeros([6]), movingVariance: ones(6) };
      const bounds = { renormClipping: clip(1, 1, 0) };
      const renorm = withGradients(
        (a, b, c) => batchRenorm(a!, { ...tensors(), ...bounds, gamma: b, beta: c }).y,
        [x, gamma!, beta!],
        dy,
      );
      const plain = withGradients(
        (a, b, c) => batchNorm(a!, { ...moving, gamma: b, beta: c }).y,
        [x, gamma!, beta!],
        dy,
      );
      expectSameBits('y', renorm.y, plain.y);
      for (const [i, grad] of renorm.grads.entries()) {
        expectSameBits(`gradient ${i}`, grad, plain.grads[i]!);
      }
    });
  });

  test('without bounds y is what the running statistics give', () => {
    tf.tidy(() => {
      const { x, gamma, beta } = tensorsOf(p);
      const { renormMean, ...rest } = tensors();
      const renormStddev = tf.maximum(rest.renormStddev, 0.1);
      const { y } = batchRenorm(x, { renormMean, renormStddev, gamma, beta });
      const variance = renormStddev.square().sub(1e-3);
      const want = norm.ops.batchNormInference(x, { mean: renormMean, variance, gamma, beta });
      expectClose('y', y, want);
    });
  });

  test('one value gives gamma d + beta, and no gradient of x', () => {
    tf.tidy(() => {
      const run = (x: Tensor, gamma?: Tensor) =>
        call(x, { gamma, beta: tf.tensor1d([0.5]), renormClipping: { dmax: 0.25 } });
      const { y, grads } = withGradients(
        (x, gamma) => run(x!, gamma),
        [tf.tensor2d([[7]]), tf.tensor1d([3])],
        tf.tensor2d([[2]]),
      );
      expect([y, ...grads].map((of) => of.dataSync()[0])).toEqual([1.25, 0, 0.5]);
    });
  });

  test('an empty batch leaves the running statistics alone', () => {
    tf.tidy(() => {
      const given = tensors();
      const result = batchRenorm(tf.zeros([0, 3, 6]), given);
      expect(result.y.shape).toEqual([0, 3, 6]);
      for (const name of Object.keys(state) as (keyof typeof state)[]) {
        expectSameBits(name, result[name], given[name]);
      }
    });
  });

  test('NaN stays in its channel', () => {
    tf.tidy(() => {
      const { x } = tensorsOf(p);
      const nan = tf.tensor1d([0, 0, Number.NaN, 0, 0, 0]);
      const result = batchRenorm(x.add(nan) as Tensor, {
        ...tensors(),
        renormClipping: clip(2, 0.5, 1),
      });
      const whole = [result.renormMean, result.renormStddev, result.y.max([0, 1, 2])];
      for (const of of whole) {
        expect([...of.dataSync()].map(Number.isNaN)).toEqual([0, 0, 1, 0, 0, 0].map(Boolean));
      }
    });
  });
});
