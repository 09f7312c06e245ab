/** The EvoNorm-S0 layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkCount, checkEpsilon, checkGroups } from '../core/checks';
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
import { evoNormS0 } from './evoNormS0';

/** Arguments of {@link EvoNormS0}. */
export interface EvoNormS0Args extends AffineArguments {
  /** Number of groups; divides the channels. Default 32. */
  groups?: number;
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** Whether x is gated and normalized; without, y = gamma * x + beta. Default true. */
  nonlinearity?: boolean;
  /** Default 'ones'. */
  vInitializer?: InitializerArgument;
  /** Default none. */
  vRegularizer?: RegularizerArgument;
  /** Default none. */
  vConstraint?: ConstraintArgument;
}

const OWN = [
  'groups',
  'axis',
  'epsilon',
  'nonlinearity',
  'vInitializer',
  'vRegularizer',
  'vConstraint',
];

/**
 * EvoNorm-S0, a layer that takes the place of normalization and activation, for any rank from 2.
 *
 *     y = gamma[c] * x * sigmoid(v[c] * x) / sqrt(var + epsilon) + beta[c]
 *
 * `var` is the variance of each sample and group of consecutive channels, over all positions. Weights: `gamma` (with
 * `scale`), `beta` (with `center`) and, with `nonlinearity`, `v`, initially ones; all [C]. Without `nonlinearity`, for
 * a layer that no activation would follow, nothing is gated or normalized, as in the authors' code: y = gamma[c] * x +
 * beta[c]. The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain, for groups that do not divide the channels and for an
 * undefined channel dimension.
 *
 * Paper: Liu et al., Evolving Normalization-Activation Layers, arXiv 2004.02967.
 */
export class EvoNormS0 extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'EvoNormS0';
  readonly groups: number;
  override readonly axis: number;
  readonly epsilon: number;
  readonly nonlinearity: boolean;
  readonly vInitializer: Initializer;
  readonly vRegularizer: Regularizer | null;
  readonly vConstraint: Constraint | null;
  protected v: LayerVariable | null = null;

  constructor(args?: EvoNormS0Args) {
    super(args, OWN);
    const { fail } = this;
    const { groups = 32, axis = -1, epsilon = 1e-5, nonlinearity = true } = args ?? {};
    this.groups = checkCount(fail, 'groups', groups);
    this.axis = checkChannelAxis(fail, axis);
    this.epsilon = checkEpsilon(fail, epsilon);
    this.nonlinearity = checkBoolean(fail, 'nonlinearity', nonlinearity);
    this.vInitializer = toInitializer(fail, 'vInitializer', args?.vInitializer, 'ones');
    this.vRegularizer = toRegularizer(fail, 'vRegularizer', args?.vRegularizer);
    this.vConstraint = toConstraint(fail, 'vConstraint', args?.vConstraint);
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = this.fixChannels(inputShape, 1);
    if (this.nonlinearity) checkGroups(this.fail, this.groups, channels);
    this.addAffineWeights([channels]);
    if (this.nonlinearity) {
      this.v = this.addWeight(
        'v',
        [channels],
        'float32',
        this.vInitializer,
        this.vRegularizer ?? undefined,
        true,
        this.vConstraint ?? undefined,
      );
    }
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { groups, axis, epsilon, nonlinearity } = this;
      const v = this.v?.read();
      const own = { v, groups, axis, epsilon, nonlinearity };
      return evoNormS0(this.onlyTensor(inputs), { ...this.affine(), ...own });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      groups: this.groups,
      axis: this.axis,
      epsilon: this.epsilon,
      nonlinearity: this.nonlinearity,
      vInitializer: serialize(this.vInitializer),
      vRegularizer: serialize(this.vRegularizer),
      vConstraint: serialize(this.vConstraint),
    };
  }
}
tf.serialization.registerClass(EvoNormS0);
