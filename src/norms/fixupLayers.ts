/** The learned scalars of networks without normalization, as layers. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkChoice } from '../core/checks';
import { type Kwargs, type LayerVariable, NormalizationLayer } from '../core/layer';
import {
  type ConstraintArgument,
  type InitializerArgument,
  type LayerArguments,
  type RegularizerArgument,
  serializeWeight,
  toWeight,
  type WeightSettings,
  weightArguments,
} from '../core/layerArguments';
import { tf } from '../tensorflow';
import { scaleBiasResidual, skipInit } from './fixup';

const ACTIVATIONS = ['linear', 'relu'] as const;
type Activation = (typeof ACTIVATIONS)[number];

/** How a learned scalar called bias starts, and what holds it. */
export interface BiasArguments {
  /** Default 'zeros'. */
  biasInitializer?: InitializerArgument;
  /** Default none. */
  biasRegularizer?: RegularizerArgument;
  /** Default none. */
  biasConstraint?: ConstraintArgument;
}

/** How a learned scalar called scale starts, and what holds it. */
export interface ScaleArguments {
  /** Default 'ones'. */
  scaleInitializer?: InitializerArgument;
  /** Default none. */
  scaleRegularizer?: RegularizerArgument;
  /** Default none. */
  scaleConstraint?: ConstraintArgument;
}

/** Arguments of {@link ScalarBias}. */
export interface ScalarBiasArgs extends LayerArguments, BiasArguments {
  /** What follows, in the same pass. Default 'linear'. */
  activation?: Activation;
}

/** Arguments of {@link ScalarScale}. */
export interface ScalarScaleArgs extends LayerArguments, ScaleArguments, BiasArguments {
  /** What follows, in the same pass. Default 'linear'. */
  activation?: Activation;
  /** Whether there is a second input, of the first one's shape, that is added before the activation. Default false. */
  residual?: boolean;
  /** Whether a learned scalar is added before the activation. Default false. */
  useBias?: boolean;
}

/** Arguments of {@link SkipInit} and {@link ReZero}. */
export interface SkipInitArgs extends LayerArguments {
  /** Default 'zeros'. */
  alphaInitializer?: InitializerArgument;
  /** Default none. */
  alphaRegularizer?: RegularizerArgument;
  /** Default none. */
  alphaConstraint?: ConstraintArgument;
}

/**
 * One learned scalar, added to all elements: y = activation(x + bias).
 *
 * Weights: `bias` [1]. The same in training and inference, for inputs of any rank. Masks are passed on. Throws a
 * `NormError` for arguments out of their domain.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export class ScalarBias extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'ScalarBias';
  readonly activation: Activation;
  private readonly biasSettings: WeightSettings;
  protected bias: LayerVariable | null = null;

  constructor(args?: ScalarBiasArgs) {
    super(args, ['activation', ...weightArguments('bias')]);
    const { fail } = this;
    const given = args ?? {};
    this.activation = checkChoice(fail, 'activation', ACTIVATIONS, given.activation ?? 'linear');
    this.biasSettings = toWeight(fail, given, 'bias', 'zeros');
  }

  override build(inputShape: Shape | Shape[]): void {
    this.onlyShape(inputShape);
    this.bias = this.addLearned('bias', [1], this.biasSettings);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { activation } = this;
      return scaleBiasResidual(this.onlyTensor(inputs), { bias: this.bias!.read(), activation });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      activation: this.activation,
      ...serializeWeight('bias', this.biasSettings),
    };
  }
}
tf.serialization.registerClass(ScalarBias);

/** A layer with one output of the shape of its inputs, one or two. Masks of both are combined. */
abstract class ResidualLayer extends NormalizationLayer {
  /** What the layer calls its inputs. */
  protected abstract inputNames: readonly string[];

  private checked<T>(inputs: T[], shapeOf: (input: T) => Shape): T[] {
    const { fail, inputNames } = this;
    if (inputs.length !== inputNames.length) {
      const many = inputNames.length === 1 ? 'one tensor' : `[${inputNames.join(', ')}]`;
      fail('inputs', `must be ${many}`, inputs.length === 1 ? 'one tensor' : inputs.length);
    }
    const shapes = inputs.map(shapeOf);
    const [first, second = first] = shapes as [Shape, Shape?];
    const fits = first.every((e, i) => e === null || second[i] === null || e === second[i]);
    if (first.length !== second.length || !fits) {
      fail('inputs', 'must have one shape', shapes);
    }
    return inputs;
  }

  protected tensorsOf(inputs: Tensor | Tensor[]): Tensor[] {
    return this.checked(Array.isArray(inputs) ? inputs : [inputs], ({ shape }) => shape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as Shape[];
    const [first, second = first] = this.checked(shapes, (shape) => shape) as [Shape, Shape?];
    return first.map((extent, axis) => extent ?? second[axis]!);
  }

  override computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor {
    const masks = (Array.isArray(mask) ? mask : [mask]).filter((one) => one != null) as Tensor[];
    const none = null as unknown as Tensor;
    return masks.length === 0 ? none : masks.reduce((a, b) => tf.logicalAnd(a, b));
  }
}

/**
 * One learned factor of all elements, the end of a residual branch in one pass:
 *
 *     y = activation(scale * x + bias + residual)
 *
 * Inputs: x, or [x, residual] with `residual`, which must have one shape. Weights: `scale` [1] and, with `useBias`,
 * `bias` [1]. The same in training and inference, for inputs of any rank. Throws a `NormError` for arguments out of
 * their domain and inputs that do not fit.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export class ScalarScale extends ResidualLayer {
  /** @nocollapse */
  static readonly className: string = 'ScalarScale';
  readonly activation: Activation;
  readonly residual: boolean;
  readonly useBias: boolean;
  private readonly scaleSettings: WeightSettings;
  private readonly biasSettings: WeightSettings;
  protected scale: LayerVariable | null = null;
  protected bias: LayerVariable | null = null;

  constructor(args?: ScalarScaleArgs) {
    const own = ['activation', 'residual', 'useBias'];
    super(args, [...own, ...weightArguments('scale'), ...weightArguments('bias')]);
    const { fail } = this;
    const given = args ?? {};
    this.activation = checkChoice(fail, 'activation', ACTIVATIONS, given.activation ?? 'linear');
    this.residual = checkBoolean(fail, 'residual', given.residual ?? false);
    this.useBias = checkBoolean(fail, 'useBias', given.useBias ?? false);
    this.scaleSettings = toWeight(fail, given, 'scale', 'ones');
    this.biasSettings = toWeight(fail, given, 'bias', 'zeros');
  }

  protected get inputNames(): readonly string[] {
    return this.residual ? ['x', 'residual'] : ['x'];
  }

  override build(inputShape: Shape | Shape[]): void {
    this.computeOutputShape(inputShape);
    this.scale = this.addLearned('scale', [1], this.scaleSettings);
    if (this.useBias) this.bias = this.addLearned('bias', [1], this.biasSettings);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const [x, residual] = this.tensorsOf(inputs) as [Tensor, Tensor?];
      const [scale, bias] = [this.scale!.read(), this.bias?.read()];
      return scaleBiasResidual(x, { scale, bias, residual, activation: this.activation });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const { activation, residual, useBias } = this;
    return {
      ...super.getConfig(),
      activation,
      residual,
      useBias,
      ...serializeWeight('scale', this.scaleSettings),
      ...serializeWeight('bias', this.biasSettings),
    };
  }
}
tf.serialization.registerClass(ScalarScale);

/**
 * SkipInit, a residual sum that starts as the shortcut: y = x + alpha * branch, with one learned scalar alpha, 0 at first.
 *
 * Inputs: [x, branch], of one shape. Weights: `alpha` [1]. The same in training and inference. In the paper's networks,
 * whose activations are before the convolutions, the projection of a shortcut has the activated input.
 *
 * Throws a `NormError` for arguments out of their domain and inputs that do not fit.
 *
 * Paper: De & Smith, Batch Normalization Biases Residual Blocks Towards the Identity Function, arXiv 2002.10444.
 */
export class SkipInit extends ResidualLayer {
  /** @nocollapse */
  static readonly className: string = 'SkipInit';
  private readonly alphaSettings: WeightSettings;
  protected alpha: LayerVariable | null = null;
  protected readonly inputNames: readonly string[] = ['x', 'branch'];

  constructor(args?: SkipInitArgs) {
    super(args, weightArguments('alpha'));
    this.alphaSettings = toWeight(this.fail, args ?? {}, 'alpha', 'zeros');
  }

  override build(inputShape: Shape | Shape[]): void {
    this.computeOutputShape(inputShape);
    this.alpha = this.addLearned('alpha', [1], this.alphaSettings);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const [x, branch] = this.tensorsOf(inputs) as [Tensor, Tensor];
      return skipInit(x, branch, this.alpha!.read());
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), ...serializeWeight('alpha', this.alphaSettings) };
  }
}
tf.serialization.registerClass(SkipInit);

/**
 * ReZero: y = x + alpha * branch, with one learned scalar alpha, 0 at first. What {@link SkipInit} computes, around a branch
 * of any kind (dense, attention).
 *
 * Paper: Bachlechner et al., ReZero is All You Need, arXiv 2003.04887.
 */
export class ReZero extends SkipInit {
  /** @nocollapse */
  static override readonly className: string = 'ReZero';
}
tf.serialization.registerClass(ReZero);
