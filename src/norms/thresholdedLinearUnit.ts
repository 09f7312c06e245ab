/** The thresholded linear unit as a layer of its own, also under its TF-Addons name. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, resolveChannelAxis } from '../core/checks';
import {
  checkChannelAxis,
  inputSpecOf,
  type Kwargs,
  type LayerVariable,
  NormalizationLayer,
} from '../core/layer';
import {
  type Constraint,
  type ConstraintArgument,
  type Initializer,
  type InitializerArgument,
  type LayerArguments,
  type Regularizer,
  type RegularizerArgument,
  serialize,
  toConstraint,
  toInitializer,
  toRegularizer,
} from '../core/layerArguments';
import { tf } from '../tensorflow';

/** Arguments of {@link ThresholdedLinearUnit}. */
export interface ThresholdedLinearUnitArgs extends LayerArguments {
  /** The axis of the channels; any but the batch. Default -1. */
  axis?: number;
  /** Whether the threshold is alpha * x + tau, with a learned alpha. Default false. */
  affine?: boolean;
  /** Default 'zeros'. */
  tauInitializer?: InitializerArgument;
  /** Default none. */
  tauRegularizer?: RegularizerArgument;
  /** Default none. */
  tauConstraint?: ConstraintArgument;
  /** Default 'zeros'. */
  alphaInitializer?: InitializerArgument;
  /** Default none. */
  alphaRegularizer?: RegularizerArgument;
  /** Default none. */
  alphaConstraint?: ConstraintArgument;
}

const PARTS = ['Initializer', 'Regularizer', 'Constraint'];
const OWN = [
  'affine',
  ...['tau', 'alpha'].flatMap((name) => PARTS.map((part) => `${name}${part}`)),
];

/** Sums over the axes along which a parameter of this shape, of the rank of `terms`, was repeated. */
function unbroadcast(terms: Tensor, shape: number[]): Tensor {
  const axes = shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  return tf.reshape(tf.sum(terms, axes), shape);
}

/** max(x, alpha * x + tau), alpha 0 unless given. Where both are equal, the gradient is that of x. */
function threshold(x: Tensor, tau: Tensor, alpha: Tensor | null): Tensor {
  const unit = tf.customGrad((...given) => {
    const save = given.pop() as unknown as (tensors: Tensor[]) => void;
    const [input, bound, slope] = given as Tensor[];
    const limitOf = (of: Tensor) => (slope ? tf.add(tf.mul(of, slope), bound!) : bound!);
    save([input!, bound!, ...(slope ? [slope] : [])]);
    return {
      value: tf.maximum(input!, limitOf(input!)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [from, , by] = saved;
        const below = tf.less(from!, limitOf(from!));
        const none = tf.zerosLike(dy);
        const outside = tf.where(below, dy, none);
        const within = tf.where(below, none, dy);
        const dtau = unbroadcast(outside, bound!.shape);
        if (!by) return [within, dtau];
        const dalpha = unbroadcast(tf.mul(outside, from!), by.shape);
        return [tf.add(within, tf.mul(outside, by)), dtau, dalpha];
      },
    };
  });
  return alpha ? unit(x, tau, alpha) : unit(x, tau);
}

/**
 * The thresholded linear unit, a rectifier with a learned threshold, for use after filter response normalization (whose
 * layer does the same in its own pass, see `tlu` there).
 *
 *     y = max(x, tau[c]), or y = max(x, alpha[c] * x + tau[c]) with `affine`
 *
 * Weights: `tau` and, with `affine`, `alpha`, both [C]. The same in training and inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Singh & Krishnan, Filter Response Normalization Layer, arXiv 1911.09737.
 */
export class ThresholdedLinearUnit extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'ThresholdedLinearUnit';
  readonly axis: number;
  readonly affine: boolean;
  readonly tauInitializer: Initializer;
  readonly tauRegularizer: Regularizer | null;
  readonly tauConstraint: Constraint | null;
  readonly alphaInitializer: Initializer;
  readonly alphaRegularizer: Regularizer | null;
  readonly alphaConstraint: Constraint | null;
  protected tau: LayerVariable | null = null;
  protected alpha: LayerVariable | null = null;

  constructor(args?: ThresholdedLinearUnitArgs, own: readonly string[] = ['axis']) {
    super(args, [...own, ...OWN]);
    const { fail } = this;
    const given = args ?? {};
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.affine = checkBoolean(fail, 'affine', given.affine ?? false);
    this.tauInitializer = toInitializer(fail, 'tauInitializer', given.tauInitializer, 'zeros');
    this.tauRegularizer = toRegularizer(fail, 'tauRegularizer', given.tauRegularizer);
    this.tauConstraint = toConstraint(fail, 'tauConstraint', given.tauConstraint);
    this.alphaInitializer = toInitializer(
      fail,
      'alphaInitializer',
      given.alphaInitializer,
      'zeros',
    );
    this.alphaRegularizer = toRegularizer(fail, 'alphaRegularizer', given.alphaRegularizer);
    this.alphaConstraint = toConstraint(fail, 'alphaConstraint', given.alphaConstraint);
  }

  /** The axes that have a parameter for each of their elements. */
  protected parameterAxes(rank: number): number[] {
    return [resolveChannelAxis(this.fail, this.axis, rank)];
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    if (shape.length < 2) this.fail('inputShape', 'must have rank 2 or more', shape);
    const axes = this.parameterAxes(shape.length);
    const extents = axes.map((axis) => this.knownExtent(shape, axis));
    const add = (name: 'tau' | 'alpha'): LayerVariable =>
      this.addWeight(
        name,
        extents,
        'float32',
        this[`${name}Initializer`],
        this[`${name}Regularizer`] ?? undefined,
        true,
        this[`${name}Constraint`] ?? undefined,
      );
    this.tau = add('tau');
    if (this.affine) this.alpha = add('alpha');
    this.inputSpec = inputSpecOf(shape, axes);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const axes = this.parameterAxes(x.rank);
      const shape = x.shape.map((extent, axis) => (axes.includes(axis) ? extent : 1));
      const spread = (weight: LayerVariable | null) => weight && tf.reshape(weight.read(), shape);
      return threshold(x, spread(this.tau)!, spread(this.alpha));
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      axis: this.axis,
      affine: this.affine,
      tauInitializer: serialize(this.tauInitializer),
      tauRegularizer: serialize(this.tauRegularizer),
      tauConstraint: serialize(this.tauConstraint),
      alphaInitializer: serialize(this.alphaInitializer),
      alphaRegularizer: serialize(this.alphaRegularizer),
      alphaConstraint: serialize(this.alphaConstraint),
    };
  }
}
tf.serialization.registerClass(ThresholdedLinearUnit);

/** {@link ThresholdedLinearUnit} as TensorFlow Addons has it in model files: a threshold for each element of a sample. */
export class AddonsTLU extends ThresholdedLinearUnit {
  /** @nocollapse */
  static override readonly className: string = 'Addons>TLU';

  constructor(args?: Omit<ThresholdedLinearUnitArgs, 'axis'>) {
    super(args, []);
  }

  protected override parameterAxes(rank: number): number[] {
    return [...Array(rank).keys()].slice(1);
  }

  override getConfig(): serialization.ConfigDict {
    const { axis: _axis, ...config } = super.getConfig();
    return config;
  }
}
tf.serialization.registerClass(AddonsTLU);
