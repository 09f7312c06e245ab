/** The weight normalization op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon, checkOptions } from '../core/checks';
import {
  weightNorm as composedNorm,
  weightNormGrad as composedNormGrad,
  DIVISORS,
  type WeightSettings,
} from '../core/composed/weightNorm';
import { opFail } from '../core/errors';
import type { Attributes } from '../core/kernels';
import {
  type Groups,
  registerListOp,
  registerListOpGradient,
  runListOp,
} from '../core/listKernels';
import { isList, toWeights, type Weights } from '../core/weights';
import { tf } from '../tensorflow';

const attributes = {
  axis: 'int',
  kept_axes: 'int',
  divisor: 'int',
  center: 'bool',
  epsilon: 'float',
  scale: 'bool',
} as const;

const settingsOf = (attrs: Attributes): WeightSettings => ({
  axis: attrs.axis as number,
  keptAxes: attrs.kept_axes as number,
  divisor: DIVISORS[attrs.divisor as number]!,
  center: attrs.center as boolean,
  epsilon: attrs.epsilon as number,
});

registerListOp({
  name: 'TfjsWeightNorm',
  inputs: ['x', 'gamma'],
  outputs: ['y', 'moments'],
  lists: ['x', 'gamma', 'y'],
  attributes,
  composed({ x, gamma }, attrs) {
    const results = x!.map((weight, i) =>
      composedNorm(weight, attrs.scale ? gamma![i]! : null, settingsOf(attrs)),
    );
    const moments = results.map((result) => result.moments);
    return { y: results.map(({ y }) => y), moments: [tf.concat(moments, 1)] };
  },
});

registerListOp({
  name: 'TfjsWeightNormGrad',
  inputs: ['dy', 'x', 'gamma', 'moments'],
  outputs: ['dx', 'dgamma'],
  lists: ['dy', 'x', 'gamma', 'dx', 'dgamma'],
  attributes,
  composed({ dy, x, gamma }, attrs) {
    const results = x!.map((weight, i) =>
      composedNormGrad(dy![i]!, weight, attrs.scale ? gamma![i]! : null, settingsOf(attrs)),
    );
    const dgamma = results.map((result, i) =>
      attrs.scale ? tf.reshape(result.dgamma, gamma![i]!.shape) : tf.tensor1d([], 'float32'),
    );
    return { dx: results.map(({ dx }) => dx), dgamma };
  },
});

registerListOpGradient({
  op: 'TfjsWeightNorm',
  saved: 'moments',
  gradient(dys, inputs, moments, attrs): Groups {
    const given = { ...inputs, dy: dys.y!, moments: [moments] };
    const { dx, dgamma } = runListOp('TfjsWeightNormGrad', given, attrs);
    return { x: dx!, gamma: dgamma! };
  },
});

/** What the ops on weights run: one native call for all of them. */
export function normalizeWeights(
  { weights, gains, kept }: Weights,
  settings: Pick<WeightSettings, 'divisor' | 'center' | 'epsilon'>,
): Tensor[] {
  const scale = gains.length > 0;
  const none = scale ? null : tf.tensor1d([], 'float32');
  const gamma = none ? weights.map(() => none) : gains;
  const attrs = {
    axis: kept.axis,
    kept_axes: kept.keptAxes,
    divisor: DIVISORS.indexOf(settings.divisor),
    center: settings.center,
    epsilon: settings.epsilon,
    scale,
  };
  return runListOp('TfjsWeightNorm', { x: weights, gamma }, attrs).y!;
}

/** Options of {@link weightNorm}. */
export interface WeightNormOptions<G = Tensor> {
  /** The gains, of the extents of the kept axes; a list of them for a list of weights. Without, the gain is 1. */
  g?: G;
  /**
   * The axis of the outputs, whose entries have a norm and a gain each, or several adjacent axes: -1 for dense and
   * convolution kernels, -2 for transposed convolutions, [-2, -1] for depthwise ones; null for one norm of the whole
   * weight. Default -1.
   */
  axis?: number | number[] | null;
  /** Whether the mean is subtracted first (centred weight normalization). Default false. */
  center?: boolean;
  /** The least squared norm; greater than 0. Default 1e-12. */
  epsilon?: number;
}

function weightNorm_(
  x: Tensor | Tensor[] | TensorLike,
  given?: WeightNormOptions<Tensor | Tensor[]>,
): Tensor | Tensor[] {
  const fail = opFail('weightNorm');
  const options = checkOptions(fail, given);
  const weights = toWeights(
    fail,
    ['x', x],
    ['g', options.g],
    options.axis === undefined ? -1 : options.axis,
  );
  const normalized = normalizeWeights(weights, {
    divisor: 'norm',
    center: checkBoolean(fail, 'center', options.center ?? false),
    epsilon: checkEpsilon(fail, options.epsilon ?? 1e-12),
  });
  return isList(x) ? normalized : normalized[0]!;
}

interface WeightNorm {
  (x: Tensor[], options?: WeightNormOptions<Tensor[]>): Tensor[];
  <T extends Tensor>(x: T | TensorLike, options?: WeightNormOptions): T;
}

/**
 * Weight normalization: the weights of each output get the length g.
 *
 *     w = g * x / sqrt(max(sum x^2, epsilon))    the sum over all axes but the kept ones
 *
 * With `center`, x - mean(x) in place of x. `x` has rank 1 or more and w its shape; a list of weights gives a list, in
 * one native call: one CUDA launch for up to 55 weights. A weight of zeros stays zero, and its gradient is finite:
 * where the norm is clamped it counts as a constant.
 *
 * Throws a `NormError` where an argument is out of its domain, where the kept axes are not adjacent, and where a tensor
 * is not float32 or of another shape.
 *
 * Papers: Salimans & Kingma, Weight Normalization, arXiv 1602.07868; Huang et al., Centered Weight Normalization, ICCV
 * 2017.
 */
export const weightNorm = tf.op({ weightNorm_ }) as WeightNorm;
