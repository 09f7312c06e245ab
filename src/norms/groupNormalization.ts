/** The group normalization layer, also under its TF-Addons name. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkGroups } from '../core/checks';
import { type AffineArguments, ChannelLayer, checkChannelAxis, type Kwargs } from '../core/layer';
import { tf } from '../tensorflow';
import { groupNorm } from './groupNorm';

/** Arguments of {@link GroupNormalization}. */
export interface GroupNormalizationArgs extends AffineArguments {
  /** Number of groups; divides the channels. -1 means one for each channel, instance norm. Default 32. */
  groups?: number;
  /** The axis of the channels; any but the batch. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

/**
 * Group normalization with Keras 3's arguments and defaults, for any rank from 2.
 *
 *     mu, var of each sample and group of consecutive channels, over all positions
 *     y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), both [C]. The same in training and inference. Masks are
 * passed on.
 *
 * Throws a `NormError` for arguments out of their domain, for groups that do not divide the channels and for an
 * undefined channel dimension.
 *
 * Paper: Wu & He, Group Normalization, arXiv 1803.08494.
 */
export class GroupNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'GroupNormalization';
  readonly groups: number;
  override readonly axis: number;
  readonly epsilon: number;

  constructor(args?: GroupNormalizationArgs) {
    super(args, ['groups', 'axis', 'epsilon']);
    const { fail } = this;
    const { groups = 32, axis = -1, epsilon = 1e-3 } = args ?? {};
    if (!Number.isInteger(groups) || (groups < 1 && groups !== -1)) {
      fail('groups', 'must be a positive integer, or -1 for one for each channel', groups);
    }
    this.groups = groups;
    this.axis = checkChannelAxis(fail, axis);
    this.epsilon = checkEpsilon(fail, epsilon);
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = this.fixChannels(inputShape, 1);
    if (this.groups !== -1) checkGroups(this.fail, this.groups, channels);
    this.addAffineWeights([channels]);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { axis, epsilon } = this;
      const groups = this.groups === -1 ? x.shape.at(axis) : this.groups;
      return groupNorm(x, { ...this.affine(), groups, axis, epsilon });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), groups: this.groups, axis: this.axis, epsilon: this.epsilon };
  }
}
tf.serialization.registerClass(GroupNormalization);

/** {@link GroupNormalization} under the name that TensorFlow Addons gives it in model files. */
export class AddonsGroupNormalization extends GroupNormalization {
  /** @nocollapse */
  static override readonly className: string = 'Addons>GroupNormalization';
}
tf.serialization.registerClass(AddonsGroupNormalization);
