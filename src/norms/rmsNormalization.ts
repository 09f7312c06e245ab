/** The RMS normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon, checkPartial, resolveAxes } from '../core/checks';
import {
  checkAxes,
  inputSpecOf,
  type Kwargs,
  type LayerVariable,
  NormalizationLayer,
} from '../core/layer';
import { type LayerArguments, toInitializer } from '../core/layerArguments';
import { tf } from '../tensorflow';
import { rmsNorm } from './rmsNorm';

/** Arguments of {@link RMSNormalization}. */
export interface RMSNormalizationArgs extends LayerArguments {
  /** The axis or axes that are normalized together, in any order. Default -1. */
  axis?: number | number[];
  /** Greater than 0. Default 1e-6. */
  epsilon?: number;
  /** Whether epsilon is added to the mean square, inside the root, or to the root. Default true. */
  epsilonInside?: boolean;
  /** The fraction of the values of a row, from its first, that enter the mean square (pRMSNorm). Default all. */
  partial?: number | null;
}

/**
 * RMS normalization with Keras 3's arguments and defaults, and `epsilonInside` and `partial` beside them.
 *
 *     rho = 1 / sqrt(mean(x^2) + epsilon) over the axes in `axis`      y = scale * x * rho
 *
 * One weight, `scale`, initially ones, of the shape of the normalized axes in the order in which the input has them.
 * The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for undefined dimensions among the normalized axes.
 *
 * Paper: Zhang & Sennrich, Root Mean Square Layer Normalization, arXiv 1910.07467.
 */
export class RMSNormalization extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'RMSNormalization';
  readonly axis: number | number[];
  readonly epsilon: number;
  readonly epsilonInside: boolean;
  readonly partial: number | null;
  protected scale: LayerVariable | null = null;

  constructor(args?: RMSNormalizationArgs) {
    super(args, ['axis', 'epsilon', 'epsilonInside', 'partial']);
    const { fail } = this;
    this.axis = checkAxes(fail, args?.axis ?? -1);
    this.epsilon = checkEpsilon(fail, args?.epsilon ?? 1e-6);
    this.epsilonInside = checkBoolean(fail, 'epsilonInside', args?.epsilonInside ?? true);
    checkPartial(fail, args?.partial);
    this.partial = args?.partial ?? null;
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    const { fail } = this;
    const axes = resolveAxes(fail, this.axis, shape.length);
    const extents = axes.map((axis) => this.knownExtent(shape, axis));
    this.inputSpec = inputSpecOf(shape, axes);
    const ones = toInitializer(fail, 'scale', undefined, 'ones');
    this.scale = this.addWeight('scale', extents, 'float32', ones, undefined, true);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { axis, epsilon, epsilonInside } = this;
      const partial = this.partial ?? undefined;
      const gamma = this.scale!.read();
      return rmsNorm(this.onlyTensor(inputs), { gamma, axis, epsilon, epsilonInside, partial });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const axis = Array.isArray(this.axis) ? [...this.axis] : this.axis;
    const { epsilon, epsilonInside, partial } = this;
    return { ...super.getConfig(), axis, epsilon, epsilonInside, partial };
  }
}
tf.serialization.registerClass(RMSNormalization);
