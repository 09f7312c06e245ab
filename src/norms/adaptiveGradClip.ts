/** The adaptive gradient clipping op: kernels, that it has no gradient, and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions, checkPositive, sizeOf } from '../core/checks';
import { type Fail, NormError, opFail } from '../core/errors';
import { registerOpGradient } from '../core/kernels';
import { registerListOp, runListOp } from '../core/listKernels';
import { toParameter, toTensor } from '../core/tensors';
import { isList, type KeptAxes, keptAxesOf } from '../core/weights';
import { tf } from '../tensorflow';

const LEAST_GRADIENT = 1e-6;

/** Its lengths, for each of the kept entries, as [1, kept, 1]. */
const lengthOf = (of: Tensor) => tf.sqrt(tf.sum(tf.square(of), [0, 2], true));

registerListOp({
  name: 'TfjsAdaptiveGradClip',
  inputs: ['gradients', 'weights'],
  outputs: ['y'],
  lists: ['gradients', 'weights', 'y'],
  attributes: { axis: 'int', kept_axes: 'int', clipping: 'float', epsilon: 'float' },
  composed({ gradients, weights }, { axis, kept_axes, clipping, epsilon }) {
    const y = gradients!.map((gradient, i) => {
      if (gradient.size === 0) return tf.clone(gradient);
      const { shape, rank } = gradient;
      const first = kept_axes === 0 ? rank : (axis as number) + ((axis as number) < 0 ? rank : 0);
      const end = first + (kept_axes as number);
      const view = [shape.slice(0, first), shape.slice(first, end), shape.slice(end)].map(sizeOf);
      const [g, w] = [gradient, weights![i]!].map((of) => tf.reshape(of, view)) as [Tensor, Tensor];
      const length = lengthOf(g);
      const weight = lengthOf(w);
      const longer = tf.greater(weight, epsilon as number);
      const least = tf.fill(weight.shape, epsilon as number);
      const most = tf.mul(tf.where(longer, weight, least), clipping as number);
      const divisor = tf.where(
        tf.greater(length, LEAST_GRADIENT),
        length,
        tf.fill(length.shape, LEAST_GRADIENT),
      );
      const factor = tf.where(
        tf.greaterEqual(length, most),
        tf.div(most, divisor),
        tf.onesLike(most),
      );
      return tf.reshape(tf.mul(g, factor), shape);
    });
    return { y };
  },
});

registerOpGradient({
  op: 'TfjsAdaptiveGradClip',
  inputsToSave: [],
  gradient() {
    const expected = 'is a transform of gradients and has no gradient';
    const message = `adaptiveGradClip: it ${expected}: call it outside of tf.grads`;
    throw new NormError(message, 'adaptiveGradClip', 'gradients', expected, 'a gradient of it');
  },
});

export interface ClipSettings {
  clipping: number;
  epsilon: number;
}

export function checkClip(fail: Fail, options: Partial<ClipSettings>): ClipSettings {
  return {
    clipping: checkPositive(fail, 'clipping', options.clipping ?? 0.01),
    epsilon: checkPositive(fail, 'epsilon', options.epsilon ?? 1e-3),
  };
}

export interface ClipEntry {
  gradient: Tensor;
  weight: Tensor;
  /** The axis or axes of the units; null for one unit. Default the last axis, none of vectors and scalars. */
  axis?: number | number[] | null | undefined;
}

/** The gradients clipped, those of alike axes in one native call. */
export function clipEntries(fail: Fail, entries: ClipEntry[], settings: ClipSettings): Tensor[] {
  const groups = new Map<string, { kept: KeptAxes; places: number[] }>();
  entries.forEach(({ gradient, axis }, i) => {
    const { shape, rank } = gradient;
    const kept = keptAxesOf(fail, axis === undefined ? (rank < 2 ? null : -1) : axis, shape);
    const key = `${kept.axis},${kept.keptAxes}`;
    if (!groups.has(key)) groups.set(key, { kept, places: [] });
    groups.get(key)!.places.push(i);
  });
  const clipped: Tensor[] = [];
  // Native weights have an axis or more.
  const raised = (of: Tensor) => (of.rank === 0 ? tf.reshape(of, [1]) : of);
  for (const { kept, places } of groups.values()) {
    const list = (name: 'gradient' | 'weight') => places.map((i) => raised(entries[i]![name]));
    const { y } = runListOp(
      'TfjsAdaptiveGradClip',
      { gradients: list('gradient'), weights: list('weight') },
      { axis: kept.axis, kept_axes: kept.keptAxes, ...settings },
    );
    places.forEach((place, i) => {
      const { shape, rank } = entries[place]!.gradient;
      clipped[place] = rank === 0 ? tf.reshape(y![i]!, shape) : y![i]!;
    });
  }
  return clipped;
}

/** Options of {@link adaptiveGradClip}. */
export interface AdaptiveGradClipOptions {
  /** The most length of a unit's gradient, as a fraction of its weights' length; greater than 0. Default 0.01. */
  clipping?: number;
  /** The least length of a unit's weights, so that weights of zeros can be learned; greater than 0. Default 1e-3. */
  epsilon?: number;
  /**
   * The axis of the units, or several adjacent axes; null for the whole tensor as one unit. Default -1, and null for
   * vectors and scalars.
   */
  axis?: number | number[] | null;
}

function adaptiveGradClip_(
  given: Tensor | Tensor[] | TensorLike,
  weights: Tensor | Tensor[] | TensorLike,
  options?: AdaptiveGradClipOptions,
): Tensor | Tensor[] {
  const fail = opFail('adaptiveGradClip');
  const { axis, ...settings } = checkOptions(fail, options);
  const many = isList(given);
  if (many && !(Array.isArray(weights) && weights.length === given.length)) {
    fail('weights', `must be a list of ${given.length}, one for each gradient`, weights);
  }
  const at = (name: string, i: number) => (many ? `${name}[${i}]` : name);
  const entries = (many ? given : [given]).map((one, i): ClipEntry => {
    const gradient = toTensor(fail, at('gradients', i), one);
    const of = many ? (weights as unknown[])[i] : weights;
    return { gradient, weight: toParameter(fail, at('weights', i), of, gradient.shape), axis };
  });
  const clipped = clipEntries(fail, entries, checkClip(fail, settings));
  return many ? clipped : clipped[0]!;
}

interface AdaptiveGradClip {
  (gradients: Tensor[], weights: Tensor[], options?: AdaptiveGradClipOptions): Tensor[];
  <T extends Tensor>(
    gradient: T | TensorLike,
    weight: Tensor | TensorLike,
    options?: AdaptiveGradClipOptions,
  ): T;
}

/**
 * Adaptive gradient clipping: the gradient of each unit's weights is at most `clipping` times as long as those weights.
 *
 *     y = gradient                          where |gradient| < most,  most = clipping * max(|weight|, epsilon)
 *     y = gradient * most / max(|gradient|, 1e-6)    elsewhere
 *
 * with the lengths of each entry of the axis of the outputs: a column of a dense kernel, a filter of a convolution; of
 * vectors and scalars, of the whole. Gradients that are short enough stay as they are, bit for bit. Lists of gradients
 * and weights give a list, in one native call for all weights with alike axes. In the authors' code kernels with three
 * axes, [width, in, out], have a unit for each output and each place of the kernel, here one for each output.
 *
 * A gradient with a NaN is not clipped. `norm.optimizers.adaptiveGradClip` applies it in training. It has no gradient
 * of its own.
 *
 * Throws a `NormError` where an argument is out of its domain, where the axes are not adjacent, and where a tensor is
 * not float32 or of another shape than its gradient.
 *
 * Paper: Brock, De, Smith & Simonyan, High-Performance Large-Scale Image Recognition Without Normalization, arXiv
 * 2102.06171.
 */
export const adaptiveGradClip = tf.op({ adaptiveGradClip_ }) as AdaptiveGradClip;
