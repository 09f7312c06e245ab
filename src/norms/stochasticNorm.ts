/** The stochastic affine op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEffectiveN } from '../core/batchNoise';
import { checkChoice, checkOptions, resolveAxis, resolveChannelAxis } from '../core/checks';
import {
  stochasticAffine as composedAffine,
  stochasticAffineGrad as composedGrad,
} from '../core/composed/stochasticNorm';
import { type RandomOptions, seedInput } from '../core/dropout';
import { type Fail, opFail } from '../core/errors';
import { registerOp, registerOpGradient, runOp } from '../core/kernels';
import { AFFINE_ATTRIBUTES, type AffineOptions, toAffine } from '../core/parameters';
import { toInput, toParameter, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

export const NOISE_ATTRIBUTES = { axis: 'int', per_sample: 'bool', given: 'bool' } as const;

const attributes = { ...NOISE_ATTRIBUTES, effective_n: 'float', ...AFFINE_ATTRIBUTES } as const;

registerOp({
  name: 'TfjsStochasticAffine',
  inputs: ['x', 'gamma', 'beta', 'u', 'v', 'seed'],
  outputs: 1,
  attributes,
  composed: (inputs, attrs) => [
    inputs.x!.size === 0 ? tf.clone(inputs.x!) : composedAffine(inputs, attrs),
  ],
});

registerOp({
  name: 'TfjsStochasticAffineGrad',
  inputs: ['dy', 'x', 'gamma', 'u', 'v', 'seed'],
  outputs: 5,
  attributes,
  composed(inputs, attrs) {
    const { x, gamma, u, v } = inputs as Record<string, Tensor>;
    if (x!.size > 0) return composedGrad(inputs, attrs);
    const channels = x!.shape.at(attrs.axis as number)!;
    const beta = tf.zeros([attrs.center ? channels : 0]);
    return [tf.zerosLike(x!), tf.zerosLike(gamma!), beta, tf.zerosLike(u!), tf.zerosLike(v!)];
  },
});

registerOpGradient({
  op: 'TfjsStochasticAffine',
  inputsToSave: ['x', 'gamma', 'u', 'v', 'seed'],
  gradient(dy, [x, gamma, u, v, seed], attrs) {
    const inputs = { dy, x: x!, gamma: gamma!, u: u!, v: v!, seed: seed! };
    const [dx, dgamma, dbeta, du, dv] = runOp('TfjsStochasticAffineGrad', inputs, attrs);
    return { x: dx!, gamma: dgamma!, beta: dbeta!, u: du!, v: dv! };
  },
});

/** What shares a random number: the whole batch, or a sample. */
export type NoiseGranularity = 'batch' | 'sample';
export const GRANULARITIES: readonly NoiseGranularity[] = ['batch', 'sample'];

/** Options of ops whose noise is one for each channel. */
export interface ChannelNoiseOptions extends RandomOptions {
  /** Whether the batch has one noise for each channel, or every sample its own. Default 'batch'. */
  granularity?: NoiseGranularity;
  /** The axis of the channels; with granularity 'sample' any but the batch axis 0. Default -1. */
  axis?: number;
}

/** Options of {@link stochasticAffine}: `effectiveN`, or `u` and `v`. */
export interface StochasticAffineOptions extends ChannelNoiseOptions, AffineOptions {
  /** Of how many values the statistics are whose noise is drawn: an integer from 4, or a number from 16. */
  effectiveN?: number;
  /** Given noise, [C] or with granularity 'sample' [N, C]. */
  u?: Tensor;
  /** As `u`. */
  v?: Tensor;
}

/** Noise that is given: both tensors, and nothing that would draw it. */
export function givenNoise(
  fail: Fail,
  names: readonly [string, string],
  options: object,
  shape: number[],
  drawing: readonly string[],
): [Tensor, Tensor] | null {
  const all = options as Record<string, unknown>;
  const [first, second] = names;
  if (all[first] == null && all[second] == null) return null;
  for (const name of drawing) {
    if (all[name] != null) fail(name, `must not be given beside ${first} and ${second}`, all[name]);
  }
  return [
    toParameter(fail, first, all[first], shape),
    toParameter(fail, second, all[second], shape),
  ];
}

/** The layout of x and its noise, from the options. */
export function noiseLayout(fail: Fail, options: ChannelNoiseOptions, x: Tensor) {
  const granularity = checkChoice(
    fail,
    'granularity',
    GRANULARITIES,
    options.granularity ?? 'batch',
  );
  const perSample = granularity === 'sample';
  const axis = (perSample ? resolveChannelAxis : resolveAxis)(fail, options.axis ?? -1, x.rank);
  const channels = [x.shape[axis]!];
  const shape = perSample ? [x.shape[0]!, ...channels] : channels;
  // Of a sample the kernels know channels first and last.
  const run = (body: (x: Tensor, axis: number) => Tensor): Tensor =>
    !perSample || axis === 1
      ? body(x, axis)
      : withTrailing(x, [axis], (last) => body(last, x.rank - 1));
  return { perSample, channels, shape, run };
}

export const noTensor = (): Tensor => tf.tensor1d([], 'float32');

function stochasticAffine_<T extends Tensor>(
  value: T | TensorLike,
  options: StochasticAffineOptions,
): T {
  const fail = opFail('stochasticAffine');
  const given = checkOptions(fail, options);
  const x = toInput(fail, value, 2);
  const { perSample, channels, shape, run } = noiseLayout(fail, given, x);
  const affine = toAffine(fail, given, channels);
  const drawing = ['effectiveN', 'seed', 'stream'];
  const noise = givenNoise(fail, ['u', 'v'], given, shape, drawing);
  const [u, v] = noise ?? [noTensor(), noTensor()];
  const own = {
    per_sample: perSample,
    given: noise !== null,
    effective_n: noise ? 32 : checkEffectiveN(fail, given.effectiveN),
    ...affine.attributes,
  };
  const seed = noise ? noTensor() : seedInput(fail, given);
  return run(
    (input, axis) =>
      runOp(
        'TfjsStochasticAffine',
        { x: input, ...affine.inputs, u, v, seed },
        { axis, ...own },
      )[0]!,
  ) as T;
}

/**
 * An affine map whose scale and offset are as random as batch normalization's are by the statistics of its batches.
 *
 *     y = gamma[c] * v[c] * (x - u[c]) + beta[c],    u = z1 / sqrt(n), v = sqrt(n / chi2), n = effectiveN
 *
 * z1 is a normal number, chi2 has n - 1 degrees of freedom: mean and deviation of n normal values, standardized by the
 * true ones, are u and 1 / v. Noise is that of a channel, for the whole batch, or with granularity 'sample' of a
 * sample and channel; `seed`, `stream` and the pair's number alone determine it, on every device to the bit. Without a
 * seed it is new in every call. It may be given, as `u` and `v`, to which gradients then flow. `x` has rank 2 or more;
 * `gamma` and `beta` have shape [C]; `y` has the shape of `x`.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export const stochasticAffine = tf.op({ stochasticAffine_ }) as typeof stochasticAffine_;
