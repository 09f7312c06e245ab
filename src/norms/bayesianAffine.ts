/** The Bayesian affine op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import {
  bayesianAffine as composedAffine,
  bayesianAffineGrad as composedGrad,
} from '../core/composed/stochasticNorm';
import { seedInput } from '../core/dropout';
import { opFail } from '../core/errors';
import { registerOp, registerOpGradient, runOp } from '../core/kernels';
import { toInput, toParameter } from '../core/tensors';
import { tf } from '../tensorflow';
import {
  type ChannelNoiseOptions,
  givenNoise,
  NOISE_ATTRIBUTES,
  noiseLayout,
  noTensor,
} from './stochasticNorm';

const LEARNED = ['log_scale', 'rho_scale', 'rho_bias'] as const;
const NOISE = ['scale_noise', 'bias_noise', 'seed'] as const;

registerOp({
  name: 'TfjsBayesianAffine',
  inputs: ['x', 'log_scale', 'rho_scale', 'bias', 'rho_bias', ...NOISE],
  outputs: 1,
  attributes: NOISE_ATTRIBUTES,
  composed: (inputs, attrs) => [
    inputs.x!.size === 0 ? tf.clone(inputs.x!) : composedAffine(inputs, attrs),
  ],
});

registerOp({
  name: 'TfjsBayesianAffineGrad',
  inputs: ['dy', 'x', ...LEARNED, ...NOISE],
  outputs: 5,
  attributes: NOISE_ATTRIBUTES,
  composed(inputs, attrs) {
    if (inputs.x!.size > 0) return composedGrad(inputs, attrs);
    const { x, log_scale, rho_scale, rho_bias } = inputs;
    return [x!, log_scale!, rho_scale!, log_scale!, rho_bias!].map((of) => tf.zerosLike(of));
  },
});

registerOpGradient({
  op: 'TfjsBayesianAffine',
  inputsToSave: ['x', ...LEARNED, ...NOISE],
  gradient(dy, saved, attrs) {
    const names = ['x', ...LEARNED, ...NOISE];
    const inputs = Object.fromEntries(names.map((name, i) => [name, saved[i]!]));
    const [x, log_scale, rho_scale, bias, rho_bias] = runOp(
      'TfjsBayesianAffineGrad',
      { dy, ...inputs },
      attrs,
    ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    return { x, log_scale, rho_scale, bias, rho_bias };
  },
});

/** Options of {@link bayesianAffine}. The four parameters have shape [C]. */
export interface BayesianAffineOptions extends ChannelNoiseOptions {
  /** The mean of the logarithm of the scale. */
  logScale: Tensor;
  /** The logarithm of its standard deviation. */
  rhoScale: Tensor;
  /** The mean of the offset. */
  bias: Tensor;
  /** The logarithm of its standard deviation. */
  rhoBias: Tensor;
  /** Given normal numbers of the scale, [C] or with granularity 'sample' [N, C]; with `biasNoise`. */
  scaleNoise?: Tensor;
  /** As `scaleNoise`, of the offset. */
  biasNoise?: Tensor;
}

function bayesianAffine_<T extends Tensor>(
  value: T | TensorLike,
  options: BayesianAffineOptions,
): T {
  const fail = opFail('bayesianAffine');
  const given = checkOptions(fail, options);
  const x = toInput(fail, value, 2);
  const { perSample, channels, shape, run } = noiseLayout(fail, given, x);
  const parameter = (name: 'logScale' | 'rhoScale' | 'bias' | 'rhoBias') =>
    toParameter(fail, name, given[name], channels);
  const parameters = {
    log_scale: parameter('logScale'),
    rho_scale: parameter('rhoScale'),
    bias: parameter('bias'),
    rho_bias: parameter('rhoBias'),
  };
  const noise = givenNoise(fail, ['scaleNoise', 'biasNoise'], given, shape, ['seed', 'stream']);
  const [scale_noise, bias_noise] = noise ?? [noTensor(), noTensor()];
  const seed = noise ? noTensor() : seedInput(fail, given);
  const own = { per_sample: perSample, given: noise !== null };
  return run((input, axis) => {
    const inputs = { x: input, ...parameters, scale_noise, bias_noise, seed };
    return runOp('TfjsBayesianAffine', inputs, { axis, ...own })[0]!;
  }) as T;
}

/**
 * An affine map with a random scale and a random offset for each channel, whose distributions are learned.
 *
 *     y = s[c] * x + t[c],    s = exp(logScale + exp(rhoScale) * e1), t = bias + exp(rhoBias) * e2
 *
 * e1 and e2 are normal numbers, those of a channel for the whole batch, or with granularity 'sample' of a sample and
 * channel; `seed`, `stream` and the pair's number alone determine them, on every device to the bit. Without a seed
 * they are new in every call. They may be given, as `scaleNoise` and `biasNoise`. Gradients flow to x and the four
 * parameters. `x` has rank 2 or more; `y` has its shape.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export const bayesianAffine = tf.op({ bayesianAffine_ }) as typeof bayesianAffine_;
