/** The dynamic tanh op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions, resolveAxes } from '../core/checks';
import {
  dynamicTanh as composedTanh,
  dynamicTanhGrad as composedTanhGrad,
  type TanhSettings,
  tanhParameterShape,
} from '../core/composed/dynamicTanh';
import { opFail } from '../core/errors';
import { emptyGradients } from '../core/gradients';
import { type Attributes, registerOp, registerOpGradient, runOp } from '../core/kernels';
import {
  AFFINE_ATTRIBUTES,
  type AffineOptions,
  affineGradients,
  affineOf,
  toAffine,
} from '../core/parameters';
import { toInput, toScalar, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { begin_axis: 'int', axes: 'int', ...AFFINE_ATTRIBUTES } as const;

const settingsOf = (attrs: Attributes): TanhSettings => ({
  beginAxis: attrs.begin_axis as number,
  axes: attrs.axes as number,
});

registerOp({
  name: 'TfjsDynamicTanh',
  inputs: ['x', 'alpha', 'gamma', 'beta'],
  outputs: 1,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    if (x.size === 0) return [tf.clone(x)];
    const { gamma, beta } = affineOf(inputs, attrs);
    return [composedTanh(x, inputs.alpha!, gamma, beta, settingsOf(attrs))];
  },
});

registerOp({
  name: 'TfjsDynamicTanhGrad',
  inputs: ['dy', 'x', 'alpha', 'gamma'],
  outputs: 4,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const settings = settingsOf(attrs);
    if (x.size === 0) {
      const [dx, ...rest] = emptyGradients(x, tanhParameterShape(x, settings), attrs);
      return [dx!, tf.zeros([1]), ...rest];
    }
    const { gamma } = affineOf(inputs, attrs);
    const grads = composedTanhGrad(inputs.dy!, x, inputs.alpha!, gamma, settings);
    const [dx, ...rest] = affineGradients(grads, attrs);
    return [dx!, grads.dalpha, ...rest];
  },
});

registerOpGradient({
  op: 'TfjsDynamicTanh',
  inputsToSave: ['x', 'alpha', 'gamma'],
  gradient(dy, [x, alpha, gamma], attrs) {
    const inputs = { dy, x: x!, alpha: alpha!, gamma: gamma! };
    const [dx, dalpha, dgamma, dbeta] = runOp('TfjsDynamicTanhGrad', inputs, attrs);
    return { x: dx!, alpha: dalpha!, gamma: dgamma!, beta: dbeta! };
  },
});

/** Options of {@link dynamicTanh}. */
export interface DynamicTanhOptions extends AffineOptions {
  /** The slope at 0, one value for all of `x`: a number, or a tensor of shape [] or [1]. Default 0.5. */
  alpha?: number | Tensor;
  /** The axis or axes of gamma and beta, in any order. Default -1. */
  axis?: number | number[];
}

function dynamicTanh_<T extends Tensor>(value: T | TensorLike, given?: DynamicTanhOptions): T {
  const fail = opFail('dynamicTanh');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 1);
  const axes = resolveAxes(fail, options.axis ?? -1, x.rank);
  const affine = toAffine(
    fail,
    options,
    axes.map((axis) => x.shape[axis]!),
  );
  const alpha = toScalar(fail, 'alpha', options.alpha ?? 0.5);
  const inputs = { alpha, ...affine.inputs };
  const run = (input: Tensor, first: number): Tensor => {
    const attrs = { begin_axis: first, axes: axes.length, ...affine.attributes };
    return runOp('TfjsDynamicTanh', { x: input, ...inputs }, attrs)[0]!;
  };
  // Adjacent axes are what the kernels know, wherever they are.
  const adjacent = axes.every((axis, i) => axis === axes[0]! + i);
  return (
    adjacent ? run(x, axes[0]!) : withTrailing(x, axes, (input) => run(input, x.rank - axes.length))
  ) as T;
}

/**
 * Dynamic tanh, a substitute for layer normalization without statistics.
 *
 *     y = gamma * tanh(alpha * x) + beta
 *
 * `alpha` is one learned value; `gamma` and `beta` have the shape of the axes in `axis`, in the order in which `x` has
 * them; `y` has the shape of `x`. The same in training and inference. Adjacent axes run natively wherever they are,
 * others are transposed to the end and back. Infinite values saturate and have no gradient.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Zhu et al., Transformers without Normalization, arXiv 2503.10622.
 */
export const dynamicTanh = tf.op({ dynamicTanh_ }) as typeof dynamicTanh_;
