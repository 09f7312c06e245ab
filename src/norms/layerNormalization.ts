/** The layer normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkEpsilon, resolveAxes } from '../core/checks';
import {
  type AffineArguments,
  AffineLayer,
  checkAxes,
  inputSpecOf,
  type Kwargs,
} from '../core/layer';
import { tf } from '../tensorflow';
import { layerNorm } from './layerNorm';

/** Arguments of {@link LayerNormalization}. */
export interface LayerNormalizationArgs extends AffineArguments {
  /** The axis or axes that are normalized together, in any order. Default -1. */
  axis?: number | number[];
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
}

/**
 * Layer normalization with Keras 3's arguments and defaults.
 *
 *     mu, var over the axes in `axis`      y = gamma * (x - mu) / sqrt(var + epsilon) + beta
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), of the shape of the normalized axes in the order in which the
 * input has them. The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for undefined dimensions among the normalized axes.
 *
 * Paper: Ba, Kiros & Hinton, Layer Normalization, arXiv 1607.06450.
 */
export class LayerNormalization extends AffineLayer {
  /** @nocollapse */
  static readonly className: string = 'NativeLayerNormalization';
  readonly axis: number | number[];
  readonly epsilon: number;

  constructor(args?: LayerNormalizationArgs) {
    super(args, ['axis', 'epsilon']);
    const { fail } = this;
    this.axis = checkAxes(fail, args?.axis ?? -1);
    this.epsilon = checkEpsilon(fail, args?.epsilon ?? 1e-3);
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    const axes = resolveAxes(this.fail, this.axis, shape.length);
    this.addAffineWeights(axes.map((axis) => this.knownExtent(shape, axis)));
    this.inputSpec = inputSpecOf(shape, axes);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { axis, epsilon } = this;
      return layerNorm(this.onlyTensor(inputs), { ...this.affine(), axis, epsilon });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const axis = Array.isArray(this.axis) ? [...this.axis] : this.axis;
    return { ...super.getConfig(), axis, epsilon: this.epsilon };
  }
}
tf.serialization.registerClass(LayerNormalization);
