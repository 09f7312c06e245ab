/** Adaptive gradient clipping in training. */
import type { Optimizer, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { checkClip, clipEntries } from '../norms/adaptiveGradClip';
import { tf } from '../tensorflow';
import {
  checkMatch,
  type Gradients,
  matches,
  type NameMatch,
  namedGradients,
  readBase,
  readMatch,
  variableNamed,
  WrappedOptimizer,
  type WrittenMatch,
  writeMatch,
} from './wrappedOptimizer';

/** Options of {@link adaptiveGradClip}. */
export interface GradClipOptions {
  /** The most length of a unit's gradient, as a fraction of its weights' length; greater than 0. Default 0.01. */
  clipping?: number;
  /** The least length of a unit's weights; greater than 0. Default 1e-3. */
  epsilon?: number;
  /**
   * Weights whose gradients are left alone, as those of the last layer in the paper: texts that are part of their names,
   * or regular expressions; one, or a list. Default none.
   */
  exclude?: NameMatch | readonly NameMatch[];
}

const OP = 'adaptiveGradClip';
/** Of depthwise kernels [height, width, in, multiplier], each input has outputs of its own. */
const DEPTHWISE = /depthwise_kernel(_\d+)?$/;

function checkExclude(fail: Fail, given: unknown): NameMatch[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) return [checkMatch(fail, 'exclude', given)];
  return given.map((match, i) => checkMatch(fail, `exclude[${i}]`, match));
}

/** See {@link adaptiveGradClip}. */
export class AdaptiveGradClipOptimizer extends WrappedOptimizer {
  /** @nocollapse */
  static readonly className: string = 'AdaptiveGradClipOptimizer';
  readonly clipping: number;
  readonly epsilon: number;
  readonly exclude: readonly NameMatch[];

  constructor(base: Optimizer, given?: GradClipOptions) {
    const fail = opFail(OP);
    super(base, fail);
    const options = checkOptions(fail, given);
    const { exclude, clipping, epsilon, ...others } = options;
    for (const [name, value] of Object.entries(others)) fail(name, 'is not an option', value);
    ({ clipping: this.clipping, epsilon: this.epsilon } = checkClip(fail, options));
    this.exclude = checkExclude(fail, exclude);
  }

  override applyGradients(given: Gradients): void {
    const named = namedGradients(given);
    const excluded = (name: string) => this.exclude.some((match) => matches(match, name));
    const clipped = named.filter(({ name, tensor }) => tensor != null && !excluded(name));
    const { clipping, epsilon } = this;
    const gradients = tf.tidy(() =>
      clipEntries(
        opFail(OP),
        clipped.map(({ name, tensor }) => ({
          gradient: tensor!,
          weight: variableNamed(name),
          axis: DEPTHWISE.test(name) ? [-2, -1] : undefined,
        })),
        { clipping, epsilon },
      ),
    );
    const by = new Map<string, Tensor>(clipped.map(({ name }, i) => [name, gradients[i]!]));
    const all = named.map(({ name, tensor }) => ({ name, tensor: by.get(name) ?? tensor }));
    try {
      this.base.applyGradients(all as Gradients);
    } finally {
      tf.dispose(gradients);
    }
  }

  override getConfig(): serialization.ConfigDict {
    const { clipping, epsilon } = this;
    const exclude = this.exclude.map(writeMatch) as never;
    return { ...super.getConfig(), clipping, epsilon, exclude };
  }

  /** @nocollapse */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const { clipping, epsilon, exclude } = config as unknown as GradClipOptions & {
      exclude: WrittenMatch[];
    };
    return new cls(readBase(OP, config), { clipping, epsilon, exclude: exclude.map(readMatch) });
  }
}
tf.serialization.registerClass(AdaptiveGradClipOptimizer as never);

/**
 * An optimizer that clips gradients by the lengths of their weights, unit by unit, before another one makes its step:
 * `norm.ops.adaptiveGradClip` of all gradients at once. For networks without normalization, whose gradients may burst.
 *
 *     const optimizer = norm.optimizers.adaptiveGradClip(tf.train.momentum(0.1, 0.9), { exclude: 'logits/' });
 *     model.compile({ optimizer, loss: 'categoricalCrossentropy' });
 *     optimizer.minimize(() => loss());    // or in a loop of one's own
 *
 * A unit is an output: an entry of a kernel's last axis, of depthwise kernels of the last two; biases and other vectors
 * are one unit, and so are scalars. Kernels of transposed convolutions have their outputs on the axis before the last,
 * which an optimizer cannot see: of those the units are the inputs. The base keeps its state; `setLearningRate`
 * gives it another rate. Weight decay of a base is not clipped. Models that are compiled with it are saved and loaded
 * with their optimizer.
 *
 * Throws a `NormError` where `base` is no optimizer and for options out of their domain.
 *
 * Paper: Brock, De, Smith & Simonyan, High-Performance Large-Scale Image Recognition Without Normalization, arXiv
 * 2102.06171, which leaves the last layer out.
 */
export function adaptiveGradClip(
  base: Optimizer,
  options?: GradClipOptions,
): AdaptiveGradClipOptimizer {
  return new AdaptiveGradClipOptimizer(base, options);
}
