/** The layer norm op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkOptions, resolveAxes } from '../core/checks';
import { rowView, setNorm } from '../core/composed/setNorm';
import { opFail } from '../core/errors';
import { composedSetGrad, registerAffineGradient } from '../core/gradients';
import { registerOp, runOp } from '../core/kernels';
import { AFFINE_ATTRIBUTES, type AffineOptions, affineOf, toAffine } from '../core/parameters';
import { toInput, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { begin_axis: 'int', epsilon: 'float', ...AFFINE_ATTRIBUTES } as const;

registerOp({
  name: 'TfjsLayerNorm',
  inputs: ['x', 'gamma', 'beta'],
  outputs: 2,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const view = rowView(x.shape, attrs.begin_axis as number);
    if (x.size === 0) return [tf.clone(x), tf.zeros(view.momentsShape)];
    const { gamma, beta } = affineOf(inputs, attrs);
    const { y, moments } = setNorm(x, gamma, beta, view, attrs.epsilon as number);
    return [y, moments];
  },
});

registerOp({
  name: 'TfjsLayerNormGrad',
  inputs: ['dy', 'x', 'gamma', 'moments'],
  outputs: 3,
  attributes,
  composed(inputs, attrs) {
    const { shape } = inputs.x!;
    const begin = attrs.begin_axis as number;
    return composedSetGrad(inputs, attrs, shape.slice(begin), () => rowView(shape, begin));
  },
});

registerAffineGradient('TfjsLayerNorm', 'moments');

/** Options of {@link layerNorm}. */
export interface LayerNormOptions extends AffineOptions {
  /** The axis or axes that are normalized together, in any order. Default -1. */
  axis?: number | number[];
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

function layerNorm_<T extends Tensor>(value: T | TensorLike, given?: LayerNormOptions): T {
  const fail = opFail('layerNorm');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 1);
  const axes = resolveAxes(fail, options.axis ?? -1, x.rank);
  const epsilon = checkEpsilon(fail, options.epsilon ?? 1e-3);
  const affine = toAffine(
    fail,
    options,
    axes.map((axis) => x.shape[axis]!),
  );
  const attrs = { begin_axis: x.rank - axes.length, epsilon, ...affine.attributes };
  return withTrailing(
    x,
    axes,
    (input) => runOp('TfjsLayerNorm', { x: input, ...affine.inputs }, attrs)[0]!,
  ) as T;
}

/**
 * Layer normalization over the axes in `axis`.
 *
 *     mu = mean(x)    var = mean((x - mu)^2)    y = gamma * (x - mu) / sqrt(var + epsilon) + beta
 *
 * `gamma` and `beta` have the shape of the normalized axes, in the order in which `x` has them; `y` has the shape of
 * `x`. Trailing axes run natively, others are transposed to the end and back. One value per row gives y = beta.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Ba, Kiros & Hinton, Layer Normalization, arXiv 1607.06450.
 */
export const layerNorm = tf.op({ layerNorm_ }) as typeof layerNorm_;
