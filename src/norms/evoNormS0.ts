/** The EvoNorm-S0 op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import {
  checkBoolean,
  checkEpsilon,
  checkGroups,
  checkOptions,
  resolveChannelAxis,
} from '../core/checks';
import {
  channelAffine,
  channelAffineGrad,
  evoNormS0 as composedNorm,
  evoNormS0Grad as composedNormGrad,
} from '../core/composed/evoNormS0';
import { groupView } from '../core/composed/setNorm';
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
import { toInput, toParameter, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = {
  axis: 'int',
  groups: 'int',
  epsilon: 'float',
  nonlinearity: 'bool',
  ...AFFINE_ATTRIBUTES,
} as const;

const viewOf = (x: Tensor, { axis, groups }: Attributes) =>
  groupView(x.shape, axis as number, groups as number);

registerOp({
  name: 'TfjsEvoNormS0',
  inputs: ['x', 'gamma', 'beta', 'v'],
  outputs: 2,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const { gamma, beta } = affineOf(inputs, attrs);
    if (!attrs.nonlinearity) {
      const y = x.size === 0 ? tf.clone(x) : channelAffine(x, gamma, beta, attrs.axis as number);
      return [y, tf.zeros([3, 0, 0])];
    }
    const view = viewOf(x, attrs);
    if (x.size === 0) return [tf.clone(x), tf.zeros(view.momentsShape)];
    return composedNorm(x, gamma, beta, inputs.v!, view, attrs.epsilon as number);
  },
});

registerOp({
  name: 'TfjsEvoNormS0Grad',
  inputs: ['dy', 'x', 'gamma', 'v', 'moments'],
  outputs: 4,
  attributes,
  composed(inputs, attrs) {
    const [dy, x, v] = [inputs.dy!, inputs.x!, inputs.v!];
    const axis = attrs.axis as number;
    if (x.size === 0) return [...emptyGradients(x, [x.shape[axis]!], attrs), tf.zerosLike(v)];
    const { gamma } = affineOf(inputs, attrs);
    if (!attrs.nonlinearity) {
      return [...affineGradients(channelAffineGrad(dy, x, gamma, axis), attrs), tf.zerosLike(v)];
    }
    const view = viewOf(x, attrs);
    const grads = composedNormGrad(dy, x, gamma, v, view, attrs.epsilon as number);
    return [...affineGradients(grads, attrs), grads.dv];
  },
});

registerOpGradient({
  op: 'TfjsEvoNormS0',
  inputsToSave: ['x', 'gamma', 'v'],
  outputsToSave: [false, true],
  gradient(dy, [x, gamma, v, moments], attrs) {
    const inputs = { dy, x: x!, gamma: gamma!, v: v!, moments: moments! };
    const [dx, dgamma, dbeta, dv] = runOp('TfjsEvoNormS0Grad', inputs, attrs);
    return { x: dx!, gamma: dgamma!, beta: dbeta!, v: dv! };
  },
});

/** Options of {@link evoNormS0}. */
export interface EvoNormS0Options extends AffineOptions {
  /** The slope of the gate, of the shape of gamma; without it the slope is 1. None without `nonlinearity`. */
  v?: Tensor;
  /** Number of groups; divides the channels. Default 32. */
  groups?: number;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** Whether x is gated and normalized; without, y = gamma * x + beta. Default true. */
  nonlinearity?: boolean;
}

function evoNormS0_<T extends Tensor>(value: T | TensorLike, given?: EvoNormS0Options): T {
  const fail = opFail('evoNormS0');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 2);
  const axis = resolveChannelAxis(fail, options.axis ?? -1, x.rank);
  const shape = [x.shape[axis]!];
  const nonlinearity = checkBoolean(fail, 'nonlinearity', options.nonlinearity ?? true);
  const epsilon = checkEpsilon(fail, options.epsilon ?? 1e-5);
  const groups = nonlinearity ? checkGroups(fail, options.groups ?? 32, shape[0]!) : 1;
  const affine = toAffine(fail, options, shape);
  const { v } = options;
  if (v != null && !nonlinearity) fail('v', 'must not be given without nonlinearity', v.shape);
  const gate = v == null ? tf.ones(nonlinearity ? shape : [0]) : toParameter(fail, 'v', v, shape);
  const run = (input: Tensor, channelAxis: number): Tensor => {
    const attrs = { axis: channelAxis, groups, epsilon, nonlinearity, ...affine.attributes };
    return runOp('TfjsEvoNormS0', { x: input, ...affine.inputs, v: gate }, attrs)[0]!;
  };
  // Channels first and last are what the kernels know.
  return (axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1))) as T;
}

/**
 * EvoNorm-S0: a gated input over the standard deviation of its group; normalization and activation in one.
 *
 *     y = gamma[c] * x * sigmoid(v[c] * x) / sqrt(var + epsilon) + beta[c]
 *
 * `var` is the variance of each sample and range of consecutive channels, as in group normalization; x itself is not
 * centered. Without `nonlinearity` nothing is gated or normalized: y = gamma[c] * x + beta[c]. The same in training and
 * inference. `x` has rank 2 or more; `gamma`, `beta` and `v` have shape [C]; `y` has the shape of `x`.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Liu et al., Evolving Normalization-Activation Layers, arXiv 2004.02967.
 */
export const evoNormS0 = tf.op({ evoNormS0_ }) as typeof evoNormS0_;
