/** The group norm op: kernels, gradient and the public function. Instance norm is the same kernel, groups = C. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkGroups, checkOptions, resolveChannelAxis } from '../core/checks';
import { groupView, setNorm } from '../core/composed/setNorm';
import { type Fail, opFail } from '../core/errors';
import { composedSetGrad, registerAffineGradient } from '../core/gradients';
import { type Attributes, registerOp, runOp } from '../core/kernels';
import { AFFINE_ATTRIBUTES, type AffineOptions, affineOf, toAffine } from '../core/parameters';
import { toInput, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { axis: 'int', groups: 'int', epsilon: 'float', ...AFFINE_ATTRIBUTES } as const;

const viewOf = (x: Tensor, { axis, groups }: Attributes) =>
  groupView(x.shape, axis as number, groups as number);

registerOp({
  name: 'TfjsGroupNorm',
  inputs: ['x', 'gamma', 'beta'],
  outputs: 2,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const view = viewOf(x, attrs);
    if (x.size === 0) return [tf.clone(x), tf.zeros(view.momentsShape)];
    const { gamma, beta } = affineOf(inputs, attrs);
    const { y, moments } = setNorm(x, gamma, beta, view, attrs.epsilon as number);
    return [y, moments];
  },
});

registerOp({
  name: 'TfjsGroupNormGrad',
  inputs: ['dy', 'x', 'gamma', 'moments'],
  outputs: 3,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const shape = [x.shape[attrs.axis as number]!];
    return composedSetGrad(inputs, attrs, shape, () => viewOf(x, attrs));
  },
});

registerAffineGradient('TfjsGroupNorm', 'moments');

/** Options of {@link groupNorm}. */
export interface GroupNormOptions extends AffineOptions {
  /** Number of groups; divides the channels. Default 32. */
  groups?: number;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

/** Group norm on a channel axis that was checked; `groupsOf` gives the groups from the channels. */
export function runGroupNorm(
  fail: Fail,
  value: unknown,
  options: Omit<GroupNormOptions, 'groups'>,
  groupsOf: (channels: number) => number,
): Tensor {
  const x = toInput(fail, value, 2);
  const axis = resolveChannelAxis(fail, options.axis ?? -1, x.rank);
  const channels = x.shape[axis]!;
  const groups = groupsOf(channels);
  const epsilon = checkEpsilon(fail, options.epsilon ?? 1e-3);
  const affine = toAffine(fail, options, [channels]);
  const run = (input: Tensor, channelAxis: number): Tensor => {
    const attrs = { axis: channelAxis, groups, epsilon, ...affine.attributes };
    return runOp('TfjsGroupNorm', { x: input, ...affine.inputs }, attrs)[0]!;
  };
  // Channels first and last are what the kernels know.
  return axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1));
}

function groupNorm_<T extends Tensor>(x: T | TensorLike, given?: GroupNormOptions): T {
  const fail = opFail('groupNorm');
  const options = checkOptions(fail, given);
  const { groups = 32 } = options;
  return runGroupNorm(fail, x, options, (channels) => checkGroups(fail, groups, channels)) as T;
}

/**
 * Group normalization: the channels of each sample are split into `groups` consecutive ranges, and each range is
 * normalized over its positions and channels.
 *
 *     mu = mean(x)    var = mean((x - mu)^2)    y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * The same in training and inference. `x` has rank 2 or more; `gamma` and `beta` have shape [C]; `y` has the shape of
 * `x`. A group of one value gives y = beta.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Wu & He, Group Normalization, arXiv 1803.08494.
 */
export const groupNorm = tf.op({ groupNorm_ }) as typeof groupNorm_;
