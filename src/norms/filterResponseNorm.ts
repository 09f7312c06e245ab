/** The filter response norm op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkOptions, resolveChannelAxis } from '../core/checks';
import {
  filterResponseNorm as composedNorm,
  filterResponseNormGrad as composedNormGrad,
  type FilterResponseInputs,
} from '../core/composed/filterResponseNorm';
import { type Fail, opFail } from '../core/errors';
import {
  type Attributes,
  type Inputs,
  registerOp,
  registerOpGradient,
  runOp,
} from '../core/kernels';
import {
  AFFINE_ATTRIBUTES,
  type AffineOptions,
  affineGradients,
  affineOf,
  toAffine,
} from '../core/parameters';
import { toInput, toParameter, toTensor, withTrailing } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = {
  axis: 'int',
  epsilon: 'float',
  tlu: 'bool',
  learn_epsilon: 'bool',
  ...AFFINE_ATTRIBUTES,
} as const;

const inputsOf = (inputs: Inputs, attrs: Attributes): FilterResponseInputs => ({
  x: inputs.x!,
  gamma: affineOf(inputs, attrs).gamma,
  tau: attrs.tlu ? inputs.tau! : null,
  learnedEpsilon: attrs.learn_epsilon ? inputs.learned_epsilon! : null,
});

registerOp({
  name: 'TfjsFilterResponseNorm',
  inputs: ['x', 'gamma', 'beta', 'tau', 'learned_epsilon'],
  outputs: 2,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const axis = attrs.axis as number;
    if (x.size === 0) return [tf.clone(x), tf.zeros([3, x.shape[0]!, x.shape[axis]!])];
    const { beta } = affineOf(inputs, attrs);
    return composedNorm(inputsOf(inputs, attrs), beta, attrs.epsilon as number, axis);
  },
});

registerOp({
  name: 'TfjsFilterResponseNormGrad',
  inputs: ['dy', 'x', 'gamma', 'tau', 'learned_epsilon', 'responses'],
  outputs: 5,
  attributes,
  composed(inputs, attrs) {
    const x = inputs.x!;
    const axis = attrs.axis as number;
    const own = [inputs.tau!, inputs.learned_epsilon!];
    if (x.size === 0) {
      const none = () => tf.zeros([x.shape[axis]!]);
      const grads = affineGradients({ dx: tf.zerosLike(x), dgamma: none(), dbeta: none() }, attrs);
      return [...grads, ...own.map((parameter) => tf.zerosLike(parameter))];
    }
    const grads = composedNormGrad(
      inputs.dy!,
      inputsOf(inputs, attrs),
      inputs.responses!,
      attrs.epsilon as number,
      axis,
    );
    const none = () => tf.tensor1d([], 'float32');
    return [
      ...affineGradients(grads, attrs),
      grads.dtau ?? none(),
      grads.dLearnedEpsilon ?? none(),
    ];
  },
});

registerOpGradient({
  op: 'TfjsFilterResponseNorm',
  inputsToSave: ['x', 'gamma', 'tau', 'learned_epsilon'],
  outputsToSave: [false, true],
  gradient(dy, saved, attrs) {
    const [x, gamma, tau, learned, responses] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const inputs = { dy, x, gamma, tau, learned_epsilon: learned, responses };
    const grads = runOp('TfjsFilterResponseNormGrad', inputs, attrs);
    const [dx, dgamma, dbeta, dtau, dlearned] = grads;
    return { x: dx!, gamma: dgamma!, beta: dbeta!, tau: dtau!, learned_epsilon: dlearned! };
  },
});

/** Options of {@link filterResponseNorm}. */
export interface FilterResponseNormOptions extends AffineOptions {
  /** The threshold of the linear unit, [C]; without it there is none. */
  tau?: Tensor;
  /** Added to the mean square, inside the root; greater than 0, or 0 with a learned epsilon. Default 1e-6. */
  epsilon?: number;
  /** Its absolute value is added to epsilon: [1], or [C]. */
  learnedEpsilon?: Tensor;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
}

/** As `checkEpsilon`; 0 too where an epsilon is learned. */
export function checkFixedEpsilon(fail: Fail, value: unknown, learned: boolean): number {
  return learned && value === 0 ? 0 : checkEpsilon(fail, value);
}

function filterResponseNorm_<T extends Tensor>(
  value: T | TensorLike,
  given?: FilterResponseNormOptions,
): T {
  const fail = opFail('filterResponseNorm');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 2);
  const axis = resolveChannelAxis(fail, options.axis ?? -1, x.rank);
  const channels = x.shape[axis]!;
  const learned = options.learnedEpsilon != null;
  const epsilon = checkFixedEpsilon(fail, options.epsilon ?? 1e-6, learned);
  const affine = toAffine(fail, options, [channels]);
  const none = () => tf.tensor1d([], 'float32');
  const tau = options.tau == null ? none() : toParameter(fail, 'tau', options.tau, [channels]);
  const learnedEpsilon = learned
    ? toTensor(fail, 'learnedEpsilon', options.learnedEpsilon)
    : none();
  if (learned && (learnedEpsilon.rank !== 1 || ![1, channels].includes(learnedEpsilon.size))) {
    fail('learnedEpsilon', `must have shape [1] or [${channels}]`, learnedEpsilon.shape);
  }
  const inputs = { ...affine.inputs, tau, learned_epsilon: learnedEpsilon };
  const attrs = {
    epsilon,
    tlu: options.tau != null,
    learn_epsilon: learned,
    ...affine.attributes,
  };
  const run = (input: Tensor, channelAxis: number): Tensor =>
    runOp('TfjsFilterResponseNorm', { x: input, ...inputs }, { ...attrs, axis: channelAxis })[0]!;
  // Channels first and last are what the kernels know.
  return (axis === 1 ? run(x, 1) : withTrailing(x, [axis], (last) => run(last, x.rank - 1))) as T;
}

/**
 * Filter response normalization: each channel of each sample is divided by the root of its mean square, without being
 * centered; with `tau` the thresholded linear unit follows in the same pass.
 *
 *     nu2 = mean(x^2) over the positions    z = gamma[c] * x / sqrt(nu2 + epsilon + |learnedEpsilon|) + beta[c]
 *     y = max(z, tau[c]), or y = z without tau
 *
 * `x` has rank 2 or more; `gamma`, `beta` and `tau` have shape [C]; `y` has the shape of `x`. The same in training and
 * inference. Gradients flow to x and all parameters; where z = tau, to z. Of zeros without any epsilon, z = beta.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Singh & Krishnan, Filter Response Normalization Layer, arXiv 1911.09737.
 */
export const filterResponseNorm = tf.op({ filterResponseNorm_ }) as typeof filterResponseNorm_;
