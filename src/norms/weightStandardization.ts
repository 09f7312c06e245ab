/** Weight standardization: the public function, over the op of weightNorm.ts. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkOptions } from '../core/checks';
import type { Divisor } from '../core/composed/weightNorm';
import { type Fail, opFail } from '../core/errors';
import { isList, toWeights } from '../core/weights';
import { tf } from '../tensorflow';
import { normalizeWeights } from './weightNorm';

/** By what the centred weights are divided. */
export type StandardizationMode = 'biased' | 'unbiased' | 'insideSqrt' | 'scaled';

const MODES: Record<StandardizationMode, { divisor: Divisor; epsilon: number }> = {
  biased: { divisor: 'deviation', epsilon: 1e-5 },
  unbiased: { divisor: 'unbiasedDeviation', epsilon: 1e-5 },
  insideSqrt: { divisor: 'rootOfVariance', epsilon: 1e-5 },
  scaled: { divisor: 'norm', epsilon: 1e-4 },
};

/** A mode of {@link weightStandardization}; the default one where it is left out. */
export function checkMode(fail: Fail, mode: unknown): StandardizationMode {
  const given = mode ?? 'biased';
  if (typeof given === 'string' && Object.hasOwn(MODES, given)) return given as StandardizationMode;
  return fail('mode', `must be one of '${Object.keys(MODES).join("', '")}'`, mode);
}

/** The epsilon of a mode where it is left out. */
export function defaultEpsilon(mode: StandardizationMode): number {
  return MODES[mode].epsilon;
}

/** Options of {@link weightStandardization}. */
export interface WeightStandardizationOptions<G = Tensor> {
  /** The gains, of the extents of the kept axes; a list of them for a list of weights. Without, the gain is 1. */
  gain?: G;
  /** The axis of the outputs or several adjacent ones, as in `weightNorm`. Default -1. */
  axis?: number | number[] | null;
  /** Default 'biased'. */
  mode?: StandardizationMode;
  /** Greater than 0. Default 1e-5, and 1e-4 for 'scaled'. */
  epsilon?: number;
}

function weightStandardization_(
  x: Tensor | Tensor[] | TensorLike,
  given?: WeightStandardizationOptions<Tensor | Tensor[]>,
): Tensor | Tensor[] {
  const fail = opFail('weightStandardization');
  const options = checkOptions(fail, given);
  const mode = checkMode(fail, options.mode);
  const axis = options.axis === undefined ? -1 : options.axis;
  const weights = toWeights(fail, ['x', x], ['gain', options.gain], axis);
  const normalized = normalizeWeights(weights, {
    divisor: MODES[mode].divisor,
    center: true,
    epsilon: checkEpsilon(fail, options.epsilon ?? defaultEpsilon(mode)),
  });
  return isList(x) ? normalized : normalized[0]!;
}

interface WeightStandardization {
  (x: Tensor[], options?: WeightStandardizationOptions<Tensor[]>): Tensor[];
  <T extends Tensor>(x: T | TensorLike, options?: WeightStandardizationOptions): T;
}

/**
 * Weight standardization: the weights of each output get mean 0 and deviation 1, times the gain.
 *
 *     w = gain * (x - mean) / divisor    over the n values of all axes but the kept ones
 *     biased       sqrt(sum (x - mean)^2 / n) + epsilon, the authors' TensorFlow code
 *     unbiased     sqrt(sum (x - mean)^2 / (n - 1)) + epsilon, the authors' PyTorch code
 *     insideSqrt   sqrt(sum (x - mean)^2 / n + epsilon)
 *     scaled       sqrt(max(sum (x - mean)^2, epsilon)): length 1, scaled weight standardization of NF-ResNets
 *
 * `x` has rank 1 or more and w its shape; a list of weights gives a list, in one native call. An output with one
 * weight only becomes 0.
 *
 * Throws a `NormError` where an argument is out of its domain, where the kept axes are not adjacent, and where a tensor
 * is not float32 or of another shape.
 *
 * Papers: Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight Standardization, arXiv
 * 1903.10520; Brock, De & Smith, Characterizing signal propagation to close the performance gap in unnormalized
 * ResNets, arXiv 2101.08692.
 */
export const weightStandardization = tf.op({ weightStandardization_ }) as WeightStandardization;
