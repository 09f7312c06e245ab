/** The RMS norm op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import {
  checkBoolean,
  checkEpsilon,
  checkOptions,
  checkPartial,
  resolveAxes,
  sizeOf,
} from '../core/checks';
import {
  rmsNorm as composedRmsNorm,
  type RmsSettings,
  rmsNormGrad,
} from '../core/composed/rmsNorm';
import { opFail } from '../core/errors';
import { emptyGradients, registerAffineGradient } from '../core/gradients';
import { type Attributes, registerOp, runOp } from '../core/kernels';
import {
  AFFINE_ATTRIBUTES,
  type AffineOptions,
  affineGradients,
  affineOf,
  toAffine,
} from '../core/parameters';
import { toInput, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = {
  begin_axis: 'int',
  epsilon: 'float',
  epsilon_inside: 'bool',
  partial: 'int',
  ...AFFINE_ATTRIBUTES,
} as const;

const settingsOf = (attrs: Attributes): RmsSettings => ({
  beginAxis: attrs.begin_axis as number,
  epsilon: attrs.epsilon as number,
  epsilonInside: attrs.epsilon_inside as boolean,
  partial: attrs.partial as number,
});

registerOp({
  name: 'TfjsRmsNorm',
  inputs: ['x', 'gamma', 'beta'],
  outputs: 2,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const rows = sizeOf(x.shape.slice(0, attrs.begin_axis as number));
    if (x.size === 0) return [tf.clone(x), tf.zeros([rows])];
    const { gamma, beta } = affineOf(inputs, attrs);
    return composedRmsNorm(x, gamma, beta, settingsOf(attrs));
  },
});

registerOp({
  name: 'TfjsRmsNormGrad',
  inputs: ['dy', 'x', 'gamma', 'mean_square'],
  outputs: 3,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const shape = x.shape.slice(attrs.begin_axis as number);
    if (x.size === 0) return emptyGradients(x, shape, attrs);
    const { gamma } = affineOf(inputs, attrs);
    return affineGradients(rmsNormGrad(inputs.dy!, x, gamma, settingsOf(attrs)), attrs);
  },
});

registerAffineGradient('TfjsRmsNorm', 'mean_square');

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions extends AffineOptions {
  /** The axis or axes that are normalized together, in any order. Default -1. */
  axis?: number | number[];
  /** Greater than 0. Default 1e-6. */
  epsilon?: number;
  /** Whether epsilon is added to the mean square, inside the root, or to the root. Default true. */
  epsilonInside?: boolean;
  /** The fraction of the values of a row, from its first, that enter the mean square (pRMSNorm). Default all. */
  partial?: number;
}

function rmsNorm_<T extends Tensor>(value: T | TensorLike, given?: RmsNormOptions): T {
  const fail = opFail('rmsNorm');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 1);
  const axes = resolveAxes(fail, options.axis ?? -1, x.rank);
  const epsilon = checkEpsilon(fail, options.epsilon ?? 1e-6);
  const inside = checkBoolean(fail, 'epsilonInside', options.epsilonInside ?? true);
  const fraction = checkPartial(fail, options.partial);
  const shape = axes.map((axis) => x.shape[axis]!);
  const affine = toAffine(fail, options, shape);
  const partial = fraction === 1 ? 0 : Math.max(1, Math.floor(fraction * sizeOf(shape)));
  const attrs = {
    begin_axis: x.rank - axes.length,
    epsilon,
    epsilon_inside: inside,
    partial: Math.min(partial, sizeOf(shape)),
    ...affine.attributes,
  };
  return withTrailing(
    x,
    axes,
    (input) => runOp('TfjsRmsNorm', { x: input, ...affine.inputs }, attrs)[0]!,
  ) as T;
}

/**
 * RMS normalization over the axes in `axis`.
 *
 *     rho = 1 / sqrt(mean(x^2) + epsilon)    y = gamma * x * rho + beta
 *
 * With `epsilonInside: false`, rho = 1 / (sqrt(mean(x^2)) + epsilon), as in the authors' PyTorch code. With `partial`,
 * the mean is over the first max(1, floor(partial * D)) of the D values of a row.
 *
 * `gamma` and `beta` have the shape of the normalized axes, in the order in which `x` has them; `y` has the shape of
 * `x`. Trailing axes run natively, others are transposed to the end and back.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Zhang & Sennrich, Root Mean Square Layer Normalization, arXiv 1910.07467.
 */
export const rmsNorm = tf.op({ rmsNorm_ }) as typeof rmsNorm_;
