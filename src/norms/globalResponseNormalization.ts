/** The global response normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkEpsilon } from '../core/checks';
import { type AffineArguments, ChannelLayer, checkChannelAxis, type Kwargs } from '../core/layer';
import type { InitializerArgument } from '../core/layerArguments';
import { tf } from '../tensorflow';
import { globalResponseNorm } from './globalResponseNorm';

/** Arguments of {@link GlobalResponseNormalization}. */
export interface GlobalResponseNormalizationArgs extends AffineArguments {
  /** The axis of the channels; any but the batch. Default -1. */
  axis?: number;
  /** Added to the mean of the responses; greater than 0. Default 1e-6. */
  epsilon?: number;
  /** Default 'zeros': a new layer passes its input on. */
  gammaInitializer?: InitializerArgument;
}

/**
 * Global response normalization of ConvNeXt V2, for any rank from 2.
 *
 *     G[c] = sqrt(sum over the positions of x^2)    N[c] = G[c] / (mean over the channels of G + epsilon)
 *     y = gamma[c] * x * N[c] + beta[c] + x
 *
 * Weights: `gamma` (with `scale`; 1 without), `beta` (with `center`), both [C] and 0 at first, so that a new layer is the
 * identity. The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Woo et al., ConvNeXt V2, arXiv 2301.00808.
 */
export class GlobalResponseNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'GlobalResponseNormalization';
  override readonly axis: number;
  readonly epsilon: number;

  constructor(args?: GlobalResponseNormalizationArgs) {
    const gammaInitializer = args?.gammaInitializer ?? 'zeros';
    super({ ...args, gammaInitializer }, ['axis', 'epsilon']);
    const { axis = -1, epsilon = 1e-6 } = args ?? {};
    this.axis = checkChannelAxis(this.fail, axis);
    this.epsilon = checkEpsilon(this.fail, epsilon);
  }

  override build(inputShape: Shape | Shape[]): void {
    this.addAffineWeights([this.fixChannels(inputShape, 1)]);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { axis, epsilon } = this;
      return globalResponseNorm(this.onlyTensor(inputs), { ...this.affine(), axis, epsilon });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), axis: this.axis, epsilon: this.epsilon };
  }
}
tf.serialization.registerClass(GlobalResponseNormalization);
