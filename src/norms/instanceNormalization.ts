/** The instance normalization layer, also under its TF-Addons name. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkEpsilon } from '../core/checks';
import { type AffineArguments, ChannelLayer, checkChannelAxis, type Kwargs } from '../core/layer';
import { tf } from '../tensorflow';
import { instanceNorm } from './instanceNorm';

/** Arguments of {@link InstanceNormalization}. */
export interface InstanceNormalizationArgs extends AffineArguments {
  /** The axis of the channels; any but the batch. Default -1. */
  axis?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

/**
 * Instance normalization, with the arguments of {@link GroupNormalization} but groups, for any rank from 2.
 *
 *     mu, var of each sample and channel, over all positions
 *     y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), both [C]. The same in training and inference. Masks are
 * passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Ulyanov, Vedaldi & Lempitsky, Instance Normalization, arXiv 1607.08022.
 */
export class InstanceNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'InstanceNormalization';
  override readonly axis: number;
  readonly epsilon: number;

  constructor(args?: InstanceNormalizationArgs) {
    super(args, ['axis', 'epsilon']);
    const { fail } = this;
    this.axis = checkChannelAxis(fail, args?.axis ?? -1);
    this.epsilon = checkEpsilon(fail, args?.epsilon ?? 1e-3);
  }

  override build(inputShape: Shape | Shape[]): void {
    this.addAffineWeights([this.fixChannels(inputShape, 1)]);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { axis, epsilon } = this;
      return instanceNorm(this.onlyTensor(inputs), { ...this.affine(), axis, epsilon });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), axis: this.axis, epsilon: this.epsilon };
  }
}
tf.serialization.registerClass(InstanceNormalization);

/** {@link InstanceNormalization} under the name that TensorFlow Addons gives it in model files. */
export class AddonsInstanceNormalization extends InstanceNormalization {
  /** @nocollapse */
  static override readonly className: string = 'Addons>InstanceNormalization';

  constructor(args?: InstanceNormalizationArgs) {
    // TF-Addons' layer is a group normalization that writes the groups it worked out into its configuration.
    const { groups: _, ...rest } = (args ?? {}) as InstanceNormalizationArgs & { groups?: number };
    super(rest);
  }
}
tf.serialization.registerClass(AddonsInstanceNormalization);
