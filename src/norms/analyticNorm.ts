/** Normalization by moments that are propagated through a network, not measured: convolutions and dense layers. */
import type { Tensor, Tensor2D, Tensor4D, TensorLike } from '@tensorflow/tfjs-node';
import { checkChoice, checkOptions, checkPair } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { toInput, toParameter, toTensor } from '../core/tensors';
import { tf } from '../tensorflow';
import type { ReluMoments } from './gaussianRelu';
import { stochasticAffine } from './stochasticNorm';

/** A variance is at least this: where the mean is far below 0 on the scale of the deviation, little is left of it. */
export const LEAST_VARIANCE = 1e-8;

/** Options of {@link analyticNormDense}. */
export interface AnalyticNormDenseOptions {
  /** The mean of each channel of the input, [channels]. */
  inputMean: Tensor;
  /** The variance of each channel of the input, [channels]. */
  inputVariance: Tensor;
  /** The standard deviation that each output gets, [outputs]. Default 1. */
  scale?: Tensor;
  /** The mean that it gets, [outputs]. Default 0. */
  bias?: Tensor;
}

/** Options of {@link analyticNormConv2d}. */
export interface AnalyticNormOptions extends AnalyticNormDenseOptions {
  /** Default 1. */
  strides?: number | [number, number];
  /** 'valid' or 'same'. Default 'valid'. */
  padding?: 'valid' | 'same';
}

/**
 * Mean and variance of the sums that a kernel [..., channels, outputs] makes, were its inputs independent. A dense kernel
 * has rows for each channel of each place of a flattened input.
 */
export function propagated(kernel: Tensor, { mean, variance }: ReluMoments): ReluMoments {
  const [channels, outputs] = [mean.size, kernel.shape.at(-1)!];
  const taps = tf.reshape(kernel, [kernel.size / (channels * outputs), channels, outputs]);
  const through = (of: Tensor, weights: Tensor) =>
    tf.reshape(tf.matMul(tf.reshape(of, [1, channels]), weights as never), [outputs]);
  return {
    mean: through(mean, tf.sum(taps, 0)),
    variance: tf.maximum(through(variance, tf.sum(tf.square(taps), 0)), LEAST_VARIANCE),
  };
}

/** What the kernel gives, by `apply`, normalized. */
function normalized(
  fail: Fail,
  options: AnalyticNormDenseOptions,
  { kernel, channels }: { kernel: Tensor; channels: number },
  apply: () => Tensor,
): Tensor {
  const outputs = [kernel.shape.at(-1)!];
  const moments = (name: 'inputMean' | 'inputVariance') =>
    toParameter(fail, name, options[name], [channels]);
  const parameter = (name: 'scale' | 'bias') =>
    options[name] == null ? undefined : toParameter(fail, name, options[name], outputs);
  const [inputMean, inputVariance] = [moments('inputMean'), moments('inputVariance')];
  const [gamma, beta] = [parameter('scale'), parameter('bias')];
  const { mean, variance } = propagated(kernel, { mean: inputMean, variance: inputVariance });
  return stochasticAffine(apply(), { gamma, beta, u: mean, v: tf.rsqrt(variance) });
}

function analyticNormConv2d_(
  value: Tensor4D | TensorLike,
  weights: Tensor4D | TensorLike,
  options: AnalyticNormOptions,
): Tensor4D {
  const fail = opFail('analyticNormConv2d');
  const given = checkOptions(fail, options);
  const x = toInput(fail, value, 4) as Tensor4D;
  if (x.rank !== 4) fail('x', 'must have rank 4', x.shape);
  const channels = x.shape[3];
  const kernel = toTensor(fail, 'kernel', weights) as Tensor4D;
  if (kernel.rank !== 4 || kernel.shape[2] !== channels) {
    fail('kernel', `must have shape [height, width, ${channels}, filters]`, kernel.shape);
  }
  const padding = checkChoice(fail, 'padding', ['valid', 'same'], given.padding ?? 'valid');
  const strides = checkPair(fail, 'strides', given.strides ?? 1);
  const apply = () => tf.conv2d(x, kernel, strides, padding);
  return normalized(fail, given, { kernel, channels }, apply) as Tensor4D;
}

/**
 * A convolution, normalized by mean and variance that follow from those of its input and from its kernel.
 *
 *     mu' = sum_c (sum of the taps w) mu_c,   var' = sum_c (sum of the taps w^2) var_c,   y = scale * (conv(x) - mu') / sqrt(var') + bias
 *
 * As if the inputs of an output were independent, and none in the padding. So y has mean `bias` and deviation |scale|,
 * and {@link gaussianReluMoments} of these are the moments of the next layer's input. No batch enters it. var' is at
 * least 1e-8. Gradients flow to all tensors. `x` is [batch, height, width, inputs], `kernel` [height, width, inputs,
 * filters].
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export const analyticNormConv2d = tf.op({ analyticNormConv2d_ }) as typeof analyticNormConv2d_;

function analyticNormDense_(
  value: Tensor2D | TensorLike,
  weights: Tensor2D | TensorLike,
  options: AnalyticNormDenseOptions,
): Tensor2D {
  const fail = opFail('analyticNormDense');
  const given = checkOptions(fail, options);
  const x = toInput(fail, value, 2) as Tensor2D;
  if (x.rank !== 2) fail('x', 'must have rank 2', x.shape);
  const features = x.shape[1];
  const kernel = toTensor(fail, 'kernel', weights) as Tensor2D;
  if (kernel.rank !== 2 || kernel.shape[0] !== features) {
    fail('kernel', `must have shape [${features}, outputs]`, kernel.shape);
  }
  const mean = toTensor(fail, 'inputMean', given.inputMean);
  const channels = mean.size;
  if (channels === 0 || features % channels !== 0) {
    fail('inputMean', `must have a number of channels that divides ${features}`, mean.shape);
  }
  return normalized(fail, given, { kernel, channels }, () => tf.matMul(x, kernel)) as Tensor2D;
}

/**
 * A matrix product, normalized as {@link analyticNormConv2d} is. `x` is [batch, features], `kernel` [features, outputs]. The
 * features are channels, or places times channels of a flattened image, channels last.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export const analyticNormDense = tf.op({ analyticNormDense_ }) as typeof analyticNormDense_;
