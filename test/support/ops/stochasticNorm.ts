import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { choose, type EveryOp, type RawOp, X } from '../opEntry';
import { batchPartition, type Options } from '../reference';
import { batchReference, type Granularity, type Layout, placesOf } from '../stochasticReference';

const { bayesianAffine, stochasticAffine } = norm.ops;
const four = (x: ReturnType<typeof tf.ones>) =>
  bayesianAffine(x, {
    logScale: tf.zeros([6]),
    rhoScale: tf.zeros([6]),
    bias: tf.zeros([6]),
    rhoBias: tf.zeros([6]),
    seed: 1,
  });

type Given = Options & {
  gamma?: Tensor;
  beta?: Tensor;
  granularity?: Granularity;
  u?: number;
  v?: number;
};

const layoutOf = (
  shape: readonly number[],
  { axis = -1, granularity = 'batch' }: Given,
): Layout => ({
  shape: [...shape],
  axis: (axis as number) < 0 ? shape.length + (axis as number) : (axis as number),
  granularity,
});

// With given noise, the same number for all pairs: what is drawn is compared with what is given elsewhere.
export const everyOp: EveryOp = {
  name: 'stochasticAffine',
  op: (x, given) => {
    const { u = 0, v = 0.5, ...options } = (given ?? {}) as Given;
    const { axis, granularity } = layoutOf(x.shape, options);
    const channels = x.shape[axis] ?? 0;
    const pairs = granularity === 'sample' ? [x.shape[0]!, channels] : [channels];
    return tf.tidy(() =>
      stochasticAffine(x, { ...options, u: tf.fill(pairs, u), v: tf.fill(pairs, v) } as never),
    );
  },
  partition: (shape, options = {}) => batchPartition(shape, options),
  reference: (x, shape, options = {}, { gamma, beta } = {}) => {
    const { u = 0, v = 0.5, ...given } = options as Given;
    const places = placesOf(layoutOf(shape, given));
    const of = (values: ArrayLike<number> | undefined, value: number) =>
      values ?? Array<number>(places.channels).fill(value);
    const pairs = (value: number) => Array<number>(places.pairs).fill(value);
    const run = (dy: ArrayLike<number>) =>
      batchReference(places, [x, of(gamma?.data, 1), of(beta?.data, 0), pairs(u), pairs(v)], dy);
    return {
      y: Float64Array.from(run(x).y),
      gradients: (dy) => {
        const [dx, dgamma, dbeta] = run(dy).grads.map((one) => Float64Array.from(one));
        return { x: dx!, gamma: dgamma!, beta: dbeta! };
      },
    };
  },
  perSample: false,
  keepsMean: true,
  elementwise: true,
  randomOptions: (_shape, { channelAxis, choice, mean }) => ({
    axis: channelAxis,
    granularity: choose(['batch', 'sample'], choice),
    u: mean,
    v: choose([0.5, 1.25, 2], choice),
  }),
  launches: { forward: 2, backward: 3 },
};

export const otherCalls = [
  () => tf.grad((x) => stochasticAffine(x, { effectiveN: 8, seed: 1 }))(tf.ones([3, 6])),
  () => tf.grad(four)(tf.ones([3, 6])),
];

const seed = [8];
const none = [0];
const PAIRS = [4, 6];
const learned = { axis: -1, per_sample: true, given: true };
const needed = { per_sample: true, given: true };
const batch = { ...learned, effective_n: 8, scale: true, center: true };
const wrong = { effective_n: [3, 4.5, -1, Number.NaN, Number.POSITIVE_INFINITY] };
const defaults = { axis: -1, per_sample: 0, given: 0 };
const drawn = { ...learned, per_sample: false, given: false };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsStochasticAffine',
    outputs: 1,
    inputs: { x: X, gamma: [6], beta: [6], u: PAIRS, v: PAIRS, seed: none },
    attributes: batch,
    needed,
    defaults: { ...defaults, effective_n: 32, scale: 1, center: 1 },
    wrong,
  },
  {
    name: 'TfjsStochasticAffineGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], u: PAIRS, v: PAIRS, seed: none },
    attributes: batch,
    needed,
    wrong,
  },
  {
    name: 'TfjsBayesianAffine',
    outputs: 1,
    inputs: {
      x: X,
      log_scale: [6],
      rho_scale: [6],
      bias: [6],
      rho_bias: [6],
      scale_noise: none,
      bias_noise: none,
      seed,
    },
    attributes: drawn,
    defaults,
  },
  {
    name: 'TfjsBayesianAffineGrad',
    outputs: 5,
    inputs: {
      dy: X,
      x: X,
      log_scale: [6],
      rho_scale: [6],
      rho_bias: [6],
      scale_noise: none,
      bias_noise: none,
      seed,
    },
    attributes: drawn,
  },
];
