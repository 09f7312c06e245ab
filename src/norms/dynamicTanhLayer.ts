/** The dynamic tanh layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { resolveAxes } from '../core/checks';
import {
  type AffineArguments,
  AffineLayer,
  checkAxes,
  inputSpecOf,
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
import { dynamicTanh } from './dynamicTanh';

/** Arguments of {@link DynamicTanh}. */
export interface DynamicTanhArgs extends AffineArguments {
  /** The axis or axes of gamma and beta, in any order. Default -1. */
  axis?: number | number[];
  /** Default the constant 0.5. */
  alphaInitializer?: InitializerArgument;
  /** Default none. */
  alphaRegularizer?: RegularizerArgument;
  /** Default none. */
  alphaConstraint?: ConstraintArgument;
}

/**
 * Dynamic tanh, a substitute for layer normalization without statistics.
 *
 *     y = gamma * tanh(alpha * x) + beta
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), of the shape of the axes in `axis` in the order in which the
 * input has them; `alpha`, [1], initially 0.5. The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for undefined dimensions among the axes.
 *
 * Paper: Zhu et al., Transformers without Normalization, arXiv 2503.10622.
 */
export class DynamicTanh extends AffineLayer {
  /** @nocollapse */
  static readonly className: string = 'DynamicTanh';
  readonly axis: number | number[];
  readonly alphaInitializer: Initializer;
  readonly alphaRegularizer: Regularizer | null;
  readonly alphaConstraint: Constraint | null;
  protected alpha: LayerVariable | null = null;

  constructor(args?: DynamicTanhArgs) {
    super(args, ['axis', 'alphaInitializer', 'alphaRegularizer', 'alphaConstraint']);
    const { fail } = this;
    const given = args ?? {};
    this.axis = checkAxes(fail, given.axis ?? -1);
    const start = given.alphaInitializer ?? { className: 'Constant', config: { value: 0.5 } };
    this.alphaInitializer = toInitializer(fail, 'alphaInitializer', start, 'ones');
    this.alphaRegularizer = toRegularizer(fail, 'alphaRegularizer', given.alphaRegularizer);
    this.alphaConstraint = toConstraint(fail, 'alphaConstraint', given.alphaConstraint);
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    const axes = resolveAxes(this.fail, this.axis, shape.length);
    this.addAffineWeights(axes.map((axis) => this.knownExtent(shape, axis)));
    this.alpha = this.addWeight(
      'alpha',
      [1],
      'float32',
      this.alphaInitializer,
      this.alphaRegularizer ?? undefined,
      true,
      this.alphaConstraint ?? undefined,
    );
    this.inputSpec = inputSpecOf(shape, axes);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const alpha = this.alpha!.read();
      return dynamicTanh(this.onlyTensor(inputs), { ...this.affine(), alpha, axis: this.axis });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const axis = Array.isArray(this.axis) ? [...this.axis] : this.axis;
    return {
      ...super.getConfig(),
      axis,
      alphaInitializer: serialize(this.alphaInitializer),
      alphaRegularizer: serialize(this.alphaRegularizer),
      alphaConstraint: serialize(this.alphaConstraint),
    };
  }
}
tf.serialization.registerClass(DynamicTanh);
