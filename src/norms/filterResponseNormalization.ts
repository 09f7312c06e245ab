/** The filter response normalization layer, also under its TF-Addons name. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean } from '../core/checks';
import type { Fail } from '../core/errors';
import {
  type AffineArguments,
  ChannelLayer,
  checkChannelAxis,
  type Kwargs,
  type LayerVariable,
} from '../core/layer';
import {
  type Constraint,
  type ConstraintArgument,
  type Initializer,
  type InitializerArgument,
  type Regularizer,
  type RegularizerArgument,
  serialize,
  toConstraint,
  toInitializer,
  toRegularizer,
} from '../core/layerArguments';
import { tf } from '../tensorflow';
import { checkFixedEpsilon, filterResponseNorm } from './filterResponseNorm';

/** Arguments of {@link FilterResponseNormalization}. */
export interface FilterResponseNormalizationArgs extends AffineArguments {
  /** The axis of the channels, any but the batch; or, as TF-Addons has it, the list of the other ones. Default -1. */
  axis?: number | number[];
  /** Added to the mean square, inside the root; greater than 0, or 0 with a learned one. Default 1e-6. */
  epsilon?: number;
  /** Whether to learn another epsilon, whose absolute value is added: one in all, or one for each channel. Default false. */
  learnedEpsilon?: boolean | 'perChannel';
  /** Whether the thresholded linear unit, max(y, tau), follows. Default false. */
  tlu?: boolean;
  /** Default 1e-4 everywhere. */
  learnedEpsilonInitializer?: InitializerArgument;
  /** Default none. */
  learnedEpsilonRegularizer?: RegularizerArgument;
  /** Default none. */
  learnedEpsilonConstraint?: ConstraintArgument;
  /** Default 'zeros'. */
  tauInitializer?: InitializerArgument;
  /** Default none. */
  tauRegularizer?: RegularizerArgument;
  /** Default none. */
  tauConstraint?: ConstraintArgument;
}

const PARTS = ['Initializer', 'Regularizer', 'Constraint'];
const OWN = [
  'axis',
  'epsilon',
  'learnedEpsilon',
  'tlu',
  ...['learnedEpsilon', 'tau'].flatMap((name) => PARTS.map((part) => `${name}${part}`)),
];

/** The axis of the channels that a list of all others but the batch leaves. */
function channelAxisBeside(fail: Fail, positions: number[]): number {
  const rank = positions.length + 2;
  const axes = positions.map((axis) => (axis < 0 ? axis + rank : axis));
  const left = [...Array(rank).keys()].slice(1).filter((axis) => !axes.includes(axis));
  return axes.every(Number.isInteger) && left.length === 1
    ? left[0]!
    : fail(
        'axis',
        'must be an integer, or a list of all axes but those of batch and channels',
        positions,
      );
}

/**
 * Filter response normalization, alone or, as the paper pairs them, with its thresholded linear unit (`tlu: true`), which
 * then costs no pass of its own.
 *
 *     nu2 = mean(x^2) of each sample and channel    z = gamma[c] * x / sqrt(nu2 + epsilon + |learned_epsilon|) + beta[c]
 *     y = max(z, tau[c]) with tlu, else y = z
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), `tau` (with `tlu`), [C]; `learned_epsilon` (with
 * `learnedEpsilon`), [1], or [C] where it is 'perChannel'. The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Singh & Krishnan, Filter Response Normalization Layer, arXiv 1911.09737.
 */
export class FilterResponseNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'FilterResponseNormalization';
  override readonly axis: number;
  /** As TF-Addons has it, where it was given so. */
  private readonly positionAxes: number[] | null;
  readonly epsilon: number;
  readonly learnedEpsilon: boolean | 'perChannel';
  readonly tlu: boolean;
  readonly learnedEpsilonInitializer: Initializer;
  readonly learnedEpsilonRegularizer: Regularizer | null;
  readonly learnedEpsilonConstraint: Constraint | null;
  readonly tauInitializer: Initializer;
  readonly tauRegularizer: Regularizer | null;
  readonly tauConstraint: Constraint | null;
  protected tau: LayerVariable | null = null;
  protected addedEpsilon: LayerVariable | null = null;

  constructor(args?: FilterResponseNormalizationArgs) {
    super(args, OWN);
    const { fail } = this;
    const given = args ?? {};
    const axis: unknown = given.axis ?? -1;
    this.positionAxes = Array.isArray(axis) ? [...axis] : null;
    this.axis = this.positionAxes
      ? channelAxisBeside(fail, this.positionAxes)
      : checkChannelAxis(fail, axis);
    const { learnedEpsilon = false } = given;
    this.learnedEpsilon =
      learnedEpsilon === 'perChannel'
        ? learnedEpsilon
        : checkBoolean(fail, 'learnedEpsilon', learnedEpsilon);
    this.epsilon = checkFixedEpsilon(fail, given.epsilon ?? 1e-6, this.learnedEpsilon !== false);
    this.tlu = checkBoolean(fail, 'tlu', given.tlu ?? false);
    const { learnedEpsilonInitializer: initial = tf.initializers.constant({ value: 1e-4 }) } =
      given;
    this.learnedEpsilonInitializer = toInitializer(
      fail,
      'learnedEpsilonInitializer',
      initial,
      'zeros',
    );
    const { learnedEpsilonRegularizer, learnedEpsilonConstraint } = given;
    this.learnedEpsilonRegularizer = toRegularizer(
      fail,
      'learnedEpsilonRegularizer',
      learnedEpsilonRegularizer,
    );
    this.learnedEpsilonConstraint = toConstraint(
      fail,
      'learnedEpsilonConstraint',
      learnedEpsilonConstraint,
    );
    this.tauInitializer = toInitializer(fail, 'tauInitializer', given.tauInitializer, 'zeros');
    this.tauRegularizer = toRegularizer(fail, 'tauRegularizer', given.tauRegularizer);
    this.tauConstraint = toConstraint(fail, 'tauConstraint', given.tauConstraint);
  }

  /** The shape of the weights that have a value for each channel. */
  protected weightShape(channels: number): number[] {
    return [channels];
  }

  override build(inputShape: Shape | Shape[]): void {
    const { fail, positionAxes } = this;
    const { length: rank } = this.onlyShape(inputShape);
    if (positionAxes && rank !== positionAxes.length + 2) {
      fail('axis', `must name all but two of the ${rank} axes`, positionAxes);
    }
    const channels = this.fixChannels(inputShape, 1);
    const shape = this.weightShape(channels);
    this.addAffineWeights(shape);
    if (this.tlu) {
      this.tau = this.addWeight(
        'tau',
        shape,
        'float32',
        this.tauInitializer,
        this.tauRegularizer ?? undefined,
        true,
        this.tauConstraint ?? undefined,
      );
    }
    if (this.learnedEpsilon !== false) {
      this.addedEpsilon = this.addWeight(
        'learned_epsilon',
        this.learnedEpsilon === 'perChannel' ? [channels] : [1],
        'float32',
        this.learnedEpsilonInitializer,
        this.learnedEpsilonRegularizer ?? undefined,
        true,
        this.learnedEpsilonConstraint ?? undefined,
      );
    }
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const flat = (weight: LayerVariable | null): Tensor | undefined => {
        const values = weight?.read();
        return values && values.rank !== 1 ? tf.reshape(values, [values.size]) : values;
      };
      return filterResponseNorm(x, {
        gamma: flat(this.gamma),
        beta: flat(this.beta),
        tau: flat(this.tau),
        learnedEpsilon: this.addedEpsilon?.read(),
        axis: this.axis,
        epsilon: this.epsilon,
      });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      axis: this.positionAxes ? [...this.positionAxes] : this.axis,
      epsilon: this.epsilon,
      learnedEpsilon: this.learnedEpsilon,
      tlu: this.tlu,
      learnedEpsilonInitializer: serialize(this.learnedEpsilonInitializer),
      learnedEpsilonRegularizer: serialize(this.learnedEpsilonRegularizer),
      learnedEpsilonConstraint: serialize(this.learnedEpsilonConstraint),
      tauInitializer: serialize(this.tauInitializer),
      tauRegularizer: serialize(this.tauRegularizer),
      tauConstraint: serialize(this.tauConstraint),
    };
  }
}
tf.serialization.registerClass(FilterResponseNormalization);

/**
 * {@link FilterResponseNormalization} under the name and with the weight shapes that TensorFlow Addons gives it in model
 * files: `gamma` and `beta` are [1, 1, 1, C], and `axis` is [1, 2] unless given.
 */
export class AddonsFilterResponseNormalization extends FilterResponseNormalization {
  /** @nocollapse */
  static override readonly className: string = 'Addons>FilterResponseNormalization';

  constructor(args?: FilterResponseNormalizationArgs) {
    super({ axis: [1, 2], ...args });
  }

  protected override weightShape(channels: number): number[] {
    return [1, 1, 1, channels];
  }
}
tf.serialization.registerClass(AddonsFilterResponseNormalization);
