/** The Kullback-Leibler divergence of learned scales and offsets from their prior. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import { checkChoice, checkPositive } from './checks';
import type { Fail } from './errors';

/** What is known of scales and offsets before training. */
export interface PriorOptions {
  /**
   * 'flat': scales and offsets of any size are equally likely, so that the divergence is that of the entropy alone, but
   * for a constant; 'normal': the logarithm of the scale and the offset are normal. Default 'flat'.
   */
  prior?: Prior;
  /** Of the logarithm of the scale, with prior 'normal'. Default 0. */
  priorMean?: number;
  /** Of the logarithm of the scale, greater than 0, with prior 'normal'. Default 1. */
  priorStdScale?: number;
  /** Of the offset, greater than 0, with prior 'normal'. Default 1. */
  priorStdBias?: number;
}

export type Prior = 'flat' | 'normal';

export const PRIOR_ARGUMENTS = ['prior', 'priorMean', 'priorStdScale', 'priorStdBias'];

export function checkPrior(fail: Fail, given: PriorOptions): Required<PriorOptions> {
  const { priorMean = 0 } = given;
  if (!Number.isFinite(priorMean)) fail('priorMean', 'must be a finite number', priorMean);
  return {
    prior: checkChoice(fail, 'prior', ['flat', 'normal'], given.prior ?? 'flat'),
    priorMean,
    priorStdScale: checkPositive(fail, 'priorStdScale', given.priorStdScale ?? 1),
    priorStdBias: checkPositive(fail, 'priorStdBias', given.priorStdBias ?? 1),
  };
}

/** How many examples there are to train on. */
export function checkTrainingSize(fail: Fail, value: unknown): number {
  return Number.isInteger(value) && (value as number) > 0
    ? (value as number)
    : fail('trainingSize', 'must be a positive integer', value);
}

/** Mean and logarithm of the standard deviation of a normal distribution, [C]. */
interface Normal {
  mean: Tensor;
  rho: Tensor;
}

/** Of normal distributions from a normal one: log s0 - rho + (e^2rho + (m - m0)^2) / (2 s0^2) - 1/2 each. */
function fromNormal({ mean, rho }: Normal, priorMean: number, deviation: number): Tensor {
  const squares = tf.add(tf.exp(tf.mul(rho, 2)), tf.square(tf.sub(mean, priorMean)));
  const spread = tf.sub(tf.mul(squares, 1 / (2 * deviation * deviation)), rho);
  return tf.sum(tf.add(spread, Math.log(deviation) - 0.5));
}

/** A scalar: the sum over the channels, for scales and offsets. */
export function bayesianKLOf(scale: Normal, bias: Normal, prior: Required<PriorOptions>): Tensor {
  return tf.tidy(() => {
    if (prior.prior === 'flat') return tf.neg(tf.add(tf.sum(scale.rho), tf.sum(bias.rho)));
    return tf.add(
      fromNormal(scale, prior.priorMean, prior.priorStdScale),
      fromNormal(bias, 0, prior.priorStdBias),
    );
  });
}
