import { norm, tf } from '../../../src';
import { type RawOp, X } from '../opEntry';

const { bayesianAffine, stochasticAffine } = norm.ops;
const four = (x: ReturnType<typeof tf.ones>) =>
  bayesianAffine(x, {
    logScale: tf.zeros([6]),
    rhoScale: tf.zeros([6]),
    bias: tf.zeros([6]),
    rhoBias: tf.zeros([6]),
    seed: 1,
  });

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
