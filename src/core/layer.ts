/** The base classes of the layers. */
import type { layers, Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import { checkBoolean, resolveAxis } from './checks';
import { type Fail, layerFail } from './errors';
import {
  type Constraint,
  type ConstraintArgument,
  checkArguments,
  type Initializer,
  type InitializerArgument,
  type LayerArguments,
  type Regularizer,
  type RegularizerArgument,
  serialize,
  toConstraint,
  toInitializer,
  toRegularizer,
  type WeightSettings,
} from './layerArguments';

export type Kwargs = Parameters<layers.Layer['call']>[1];
export type LayerVariable = InstanceType<typeof tf.LayerVariable>;

/** Arguments of a layer that learns gamma and beta. */
export interface AffineArguments extends LayerArguments {
  /** Whether to learn an offset, `beta`. Default true. */
  center?: boolean;
  /** Whether to learn a scale, `gamma`. Default true. */
  scale?: boolean;
  /** Default 'zeros'. */
  betaInitializer?: InitializerArgument;
  /** Default 'ones'. */
  gammaInitializer?: InitializerArgument;
  /** Default none. */
  betaRegularizer?: RegularizerArgument;
  /** Default none. */
  gammaRegularizer?: RegularizerArgument;
  /** Default none. */
  betaConstraint?: ConstraintArgument;
  /** Default none. */
  gammaConstraint?: ConstraintArgument;
}

const AFFINE = [
  'center',
  'scale',
  'betaInitializer',
  'gammaInitializer',
  'betaRegularizer',
  'gammaRegularizer',
  'betaConstraint',
  'gammaConstraint',
];

/** One input, one output, of the same shape unless a subclass says otherwise; masks passed on. */
export abstract class NormalizationLayer extends tf.layers.Layer {
  protected constructor(args: LayerArguments | undefined, own: readonly string[]) {
    super(args ?? {});
    checkArguments(this.fail, args, own);
    this.supportsMasking = true;
  }

  protected get fail(): Fail {
    return layerFail(this.getClassName());
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return this.onlyShape(inputShape);
  }

  protected onlyShape(shapes: Shape | Shape[]): Shape {
    if (!Array.isArray(shapes[0])) return shapes as Shape;
    return shapes.length === 1 ? shapes[0] : this.fail('inputs', 'must be one tensor', shapes);
  }

  protected onlyTensor(inputs: Tensor | Tensor[]): Tensor {
    if (!Array.isArray(inputs)) return inputs;
    return inputs.length === 1
      ? inputs[0]!
      : this.fail('inputs', 'must be one tensor', inputs.length);
  }

  /** A weight that training changes, as its three arguments have it. */
  protected addLearned(name: string, shape: number[], settings: WeightSettings): LayerVariable {
    const { initializer, regularizer, constraint } = settings;
    return this.addWeight(
      name,
      shape,
      'float32',
      initializer,
      regularizer ?? undefined,
      true,
      constraint ?? undefined,
    );
  }

  /** The extent of an axis that parameters need to know. */
  protected knownExtent(shape: Shape, axis: number): number {
    return (
      shape[axis] ??
      this.fail(
        'inputShape',
        `must not leave axis ${axis} undefined, whose extent the layer needs`,
        shape,
      )
    );
  }
}

/** A layer with gamma and beta. The names of its fields are those of tfjs's own layers. */
export abstract class AffineLayer extends NormalizationLayer {
  readonly center: boolean;
  readonly scale: boolean;
  readonly betaInitializer: Initializer;
  readonly gammaInitializer: Initializer;
  readonly betaRegularizer: Regularizer | null;
  readonly gammaRegularizer: Regularizer | null;
  readonly betaConstraint: Constraint | null;
  readonly gammaConstraint: Constraint | null;
  protected gamma: LayerVariable | null = null;
  protected beta: LayerVariable | null = null;

  protected constructor(args: AffineArguments | undefined, own: readonly string[]) {
    super(args, [...own, ...AFFINE]);
    const { fail } = this;
    const given = args ?? {};
    this.center = checkBoolean(fail, 'center', given.center ?? true);
    this.scale = checkBoolean(fail, 'scale', given.scale ?? true);
    this.betaInitializer = toInitializer(fail, 'betaInitializer', given.betaInitializer, 'zeros');
    this.gammaInitializer = toInitializer(fail, 'gammaInitializer', given.gammaInitializer, 'ones');
    this.betaRegularizer = toRegularizer(fail, 'betaRegularizer', given.betaRegularizer);
    this.gammaRegularizer = toRegularizer(fail, 'gammaRegularizer', given.gammaRegularizer);
    this.betaConstraint = toConstraint(fail, 'betaConstraint', given.betaConstraint);
    this.gammaConstraint = toConstraint(fail, 'gammaConstraint', given.gammaConstraint);
  }

  protected addAffineWeights(shape: number[]): void {
    const add = (name: 'gamma' | 'beta'): LayerVariable =>
      this.addWeight(
        name,
        shape,
        'float32',
        this[`${name}Initializer`],
        this[`${name}Regularizer`] ?? undefined,
        true,
        this[`${name}Constraint`] ?? undefined,
      );
    if (this.scale) this.gamma = add('gamma');
    if (this.center) this.beta = add('beta');
  }

  /** The weights that training changes through gradients. */
  protected get learned(): LayerVariable[] {
    return [this.gamma, this.beta].flatMap((weight) => weight ?? []);
  }

  /**
   * Whether the layer is in inference mode whatever a call says, as in Keras. A model that is made untrainable marks
   * the weights of its layers, not the layers.
   */
  protected get frozen(): boolean {
    const { learned } = this;
    return !this.trainable || (learned.length > 0 && learned.every(({ trainable }) => !trainable));
  }

  /** gamma and beta as the ops take them. */
  protected affine(): { gamma?: Tensor; beta?: Tensor } {
    return { gamma: this.gamma?.read(), beta: this.beta?.read() };
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      center: this.center,
      scale: this.scale,
      betaInitializer: serialize(this.betaInitializer),
      gammaInitializer: serialize(this.gammaInitializer),
      betaRegularizer: serialize(this.betaRegularizer),
      gammaRegularizer: serialize(this.gammaRegularizer),
      betaConstraint: serialize(this.betaConstraint),
      gammaConstraint: serialize(this.gammaConstraint),
    };
  }
}

/** A layer whose parameters have one value for each channel. */
export abstract class ChannelLayer extends AffineLayer {
  abstract readonly axis: number;

  /** Fixes rank and channels of the input from its shape. Gives the channels. */
  protected fixChannels(inputShape: Shape | Shape[], firstAxis: number): number {
    const shape = this.onlyShape(inputShape);
    const { fail } = this;
    if (shape.length < 2) fail('inputShape', 'must have rank 2 or more', shape);
    const axis = resolveAxis(fail, this.axis, shape.length);
    if (axis < firstAxis) fail('axis', 'must not be the batch axis', this.axis);
    const channels = this.knownExtent(shape, axis);
    this.inputSpec = inputSpecOf(shape, [axis]);
    return channels;
  }
}

/** Fixes rank and the given extents of the input, so that another one is refused in the layer's name. */
export function inputSpecOf(shape: Shape, axes: readonly number[]): layers.Layer['inputSpec'] {
  const extents = Object.fromEntries(axes.map((axis) => [axis, shape[axis]!]));
  return [new tf.InputSpec({ ndim: shape.length, axes: extents })];
}

/** An axis or axes as an argument of a layer: integers, whose range is known only when the layer is built. */
export function checkAxes(fail: Fail, axis: unknown): number | number[] {
  const list = Array.isArray(axis) ? axis : [axis];
  if (list.length === 0 || !list.every(Number.isInteger)) {
    fail('axis', 'must be an integer or a list of integers', axis);
  }
  return Array.isArray(axis) ? [...axis] : (axis as number);
}

/** Models from Python name the axis as a list of one. */
export function checkChannelAxis(fail: Fail, given: unknown): number {
  const axis = Array.isArray(given) && given.length === 1 ? given[0] : given;
  return Number.isInteger(axis) ? axis : fail('axis', 'must be an integer', given);
}
