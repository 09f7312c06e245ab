/** The element-wise ops of networks without normalization: kernels, gradient and the public functions. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { fixup as composedFixup, fixupGrad } from '../core/composed/fixup';
import { type Fail, opFail } from '../core/errors';
import { registerOp, registerOpGradient, runOp } from '../core/kernels';
import { toInput, toParameter, toScalar } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = {
  relu: 'bool',
  use_scale: 'bool',
  use_bias: 'bool',
  use_shift: 'bool',
  use_residual: 'bool',
} as const;

registerOp({
  name: 'TfjsFixup',
  inputs: ['x', 'scale', 'bias', 'shift', 'residual'],
  outputs: 1,
  attributes,
  composed: (inputs, attrs) => [composedFixup(inputs, attrs)],
});

registerOp({
  name: 'TfjsFixupGrad',
  inputs: ['dy', 'x', 'scale', 'bias', 'residual'],
  outputs: 5,
  attributes,
  composed: fixupGrad,
});

registerOpGradient({
  op: 'TfjsFixup',
  inputsToSave: ['x', 'scale', 'bias', 'residual'],
  gradient(dy, saved, attrs) {
    const [x, scale, bias, residual] = saved as [Tensor, Tensor, Tensor, Tensor];
    const { relu, use_scale: useScale } = attrs;
    const none = tf.tensor1d([], 'float32');
    const inputs = {
      dy,
      x: relu || useScale ? x : none,
      scale,
      bias,
      residual: relu && attrs.use_residual ? residual : none,
    };
    const grads = runOp('TfjsFixupGrad', inputs, attrs);
    const [dx, dz, dscale, dbias, dshift] = grads as [Tensor, Tensor, Tensor, Tensor, Tensor];
    // tfjs adds gradients up and disposes of each on its own.
    const ofResidual = () => (relu && useScale ? dz : tf.clone(relu ? dx : dy));
    return {
      x: relu || useScale ? dx : tf.clone(dy),
      scale: dscale,
      bias: dbias,
      shift: dshift,
      residual: attrs.use_residual ? ofResidual() : none,
    };
  },
});

/** A learned scalar: a number, or a tensor of shape [] or [1]. */
export type Scalar = number | Tensor;

interface Parts {
  relu?: boolean;
  scale?: unknown;
  bias?: unknown;
  shift?: unknown;
  residual?: unknown;
}

/** `names`: of scale, bias and shift where the public function calls them something else. */
function run(
  fail: Fail,
  value: unknown,
  parts: Parts,
  names: Partial<Record<keyof Parts, string>>,
) {
  const x = toInput(fail, value, 0);
  let empty: Tensor | undefined;
  const none = () => {
    empty ??= tf.tensor1d([], 'float32');
    return empty;
  };
  const scalar = (part: 'scale' | 'bias' | 'shift') =>
    parts[part] == null ? none() : toScalar(fail, names[part] ?? part, parts[part]);
  const { residual } = parts;
  const inputs = {
    x,
    scale: scalar('scale'),
    bias: scalar('bias'),
    shift: scalar('shift'),
    residual:
      residual == null
        ? none()
        : toParameter(fail, names.residual ?? 'residual', residual, x.shape),
  };
  return runOp('TfjsFixup', inputs, {
    relu: parts.relu ?? false,
    use_scale: parts.scale != null,
    use_bias: parts.bias != null,
    use_shift: parts.shift != null,
    use_residual: residual != null,
  })[0]!;
}

function scalarBias_<T extends Tensor>(x: T | TensorLike, bias: Scalar): T {
  const fail = opFail('scalarBias');
  return run(fail, x, { bias: bias ?? fail('bias', 'must be given', bias) }, {}) as T;
}

/**
 * Adds one learned scalar, for tensors of any shape: y = x + bias.
 *
 * `bias`: a number, or a tensor of shape [] or [1]. Its gradient is the sum of dy.
 *
 * Throws a `NormError` where a tensor is not float32 or `bias` is not one value.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export const scalarBias = tf.op({ scalarBias_ }) as typeof scalarBias_;

function biasReluBias_<T extends Tensor>(x: T | TensorLike, before: Scalar, after: Scalar): T {
  const fail = opFail('biasReluBias');
  const bias = before ?? fail('before', 'must be given', before);
  const shift = after ?? fail('after', 'must be given', after);
  return run(fail, x, { relu: true, bias, shift }, { bias: 'before', shift: 'after' }) as T;
}

/**
 * The step between two convolutions of Fixup: y = max(x + before, 0) + after, with two learned scalars.
 *
 * Scalars: numbers, or tensors of shape [] or [1]. The gradient is 0 where x + before is 0 or less. NaN gives NaN and
 * has gradient 0.
 *
 * Throws a `NormError` where a tensor is not float32 or a scalar is not one value.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export const biasReluBias = tf.op({ biasReluBias_ }) as typeof biasReluBias_;

/** Options of {@link scaleBiasResidual}. */
export interface ScaleBiasResidualOptions {
  /** Default 1, without a gradient. */
  scale?: Scalar;
  /** Default 0, without a gradient. */
  bias?: Scalar;
  /** Of the shape of `x`. Default none. */
  residual?: Tensor;
  /** Default 'linear'. */
  activation?: 'relu' | 'linear';
}

function scaleBiasResidual_<T extends Tensor>(
  x: T | TensorLike,
  given?: ScaleBiasResidualOptions,
): T {
  const fail = opFail('scaleBiasResidual');
  const { scale, bias, residual, activation = 'linear' } = checkOptions(fail, given);
  if (activation !== 'relu' && activation !== 'linear') {
    fail('activation', "must be 'relu' or 'linear'", activation);
  }
  return run(fail, x, { relu: activation === 'relu', scale, bias, residual }, {}) as T;
}

/**
 * The end of a residual branch, in one pass: y = activation(scale * x + bias + residual), with learned scalars.
 *
 * Backward is one pass too: both gradients of the shape of `x` and both sums. NaN gives NaN and, with 'relu', has
 * gradient 0, as what is not above 0 has.
 *
 * Throws a `NormError` where a tensor is not float32 or of another shape, or an option is out of its domain.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export const scaleBiasResidual = tf.op({ scaleBiasResidual_ }) as typeof scaleBiasResidual_;

function skipInit_<T extends Tensor>(x: T | TensorLike, branch: T | TensorLike, alpha: Scalar): T {
  const fail = opFail('skipInit');
  const scale = alpha ?? fail('alpha', 'must be given', alpha);
  const shortcut = toInput(fail, x, 0);
  const of = toParameter(fail, 'branch', branch, shortcut.shape);
  return run(fail, of, { scale, residual: shortcut }, { scale: 'alpha' }) as T;
}

/**
 * SkipInit and ReZero: y = x + alpha * branch, with one learned scalar that starts at 0.
 *
 * `branch` has the shape of `x`; `alpha` is a number, or a tensor of shape [] or [1].
 *
 * Throws a `NormError` where a tensor is not float32 or of another shape.
 *
 * Papers: De & Smith, arXiv 2002.10444; Bachlechner et al., ReZero, arXiv 2003.04887.
 */
export const skipInit = tf.op({ skipInit_ }) as typeof skipInit_;
