/** The base class of layers that wrap another one, and give it a kernel made from its own. */
import type { layers, Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { sizeOf } from '../core/checks';
import { type Fail, layerFail } from '../core/errors';
import { checkAxes, type Kwargs, type LayerVariable } from '../core/layer';
import { checkArguments, type LayerArguments } from '../core/layerArguments';
import { keptAxes } from '../core/weights';
import { tf } from '../tensorflow';
import { findKernel, isRecurrent, type KernelPlace } from './kernelPlace';

type Layer = layers.Layer;
type Inputs = Parameters<Layer['apply']>[0];
type Outputs = ReturnType<Layer['apply']>;

/** Arguments of a layer that wraps another one. */
export interface WrapperArguments extends LayerArguments {
  /**
   * The layer whose kernel is normalized: dense, a convolution (of a separable one the pointwise kernel), or recurrent
   * (its recurrent kernel).
   */
  layer: Layer;
  /**
   * The axis of the kernel whose entries are normalized one by one, or several adjacent axes; null for the whole kernel
   * at once. Default that of the layer's outputs.
   */
  axis?: number | number[] | null;
}

/** What a build finds out about the kernel. */
export interface KernelFacts {
  place: KernelPlace;
  /** The kernel's shape, and the extents of its kept axes. */
  shape: number[];
  gains: number[];
  axis: number | number[] | null;
}

/**
 * The layer inside keeps its weights, name, regularizers and constraints, which are those of the weights as they are
 * learned; only while it is called it sees another kernel. Weights: those of the subclass, then the layer's own.
 */
export abstract class KernelWrapper extends tf.layers.Layer {
  readonly layer: Layer;
  readonly axis: number | number[] | null | undefined;
  protected facts: KernelFacts | null = null;

  protected constructor(args: WrapperArguments | undefined, own: readonly string[]) {
    super(args ?? {});
    const { fail } = this;
    checkArguments(fail, args, ['layer', 'axis', ...own]);
    const { layer, axis } = args ?? ({} as Partial<WrapperArguments>);
    if (!(layer instanceof tf.layers.Layer)) fail('layer', 'must be a layer', layer);
    this.layer = layer as Layer;
    this.axis = axis === undefined || axis === null ? axis : checkAxes(fail, axis);
    this.supportsMasking = this.layer.supportsMasking;
    if (isRecurrent(this.layer)) this.inputSpec = this.layer.inputSpec;
  }

  protected get fail(): Fail {
    return layerFail(this.getClassName());
  }

  /** Where the kernel is, of a layer that is built. */
  protected findPlace(): KernelPlace {
    return findKernel(this.fail, this.layer);
  }

  /** Adds the weights of the subclass. Runs when the layer inside is built. */
  protected abstract buildGains(facts: KernelFacts): void;
  /** The kernel that the layer inside sees. */
  protected abstract kernelOf(v: Tensor, facts: KernelFacts): Tensor;
  /** Whether the mean is subtracted, which leaves nothing of a single weight. */
  protected abstract get centred(): boolean;

  /** The axes that are kept where none are given. */
  protected defaultAxis(place: KernelPlace): number | number[] {
    return place.axis;
  }

  override build(inputShape: Shape | Shape[]): void {
    const { layer, fail } = this;
    if (!layer.built) {
      layer.build(inputShape);
      layer.built = true;
      const { initialWeights } = layer as unknown as { initialWeights: Tensor[] | null };
      if (initialWeights) layer.setWeights(initialWeights);
    }
    const place = this.findPlace();
    const shape = place.variable.shape as number[];
    const axis = this.axis === undefined ? this.defaultAxis(place) : this.axis;
    const gains = keptAxes(fail, axis, shape).map((kept) => shape[kept]!);
    if (this.centred && sizeOf(gains) === sizeOf(shape)) {
      const expected = 'must have two weights or more for each output, which centering leaves 0';
      fail('layer', expected, `a kernel of shape [${shape}]`);
    }
    this.facts = { place, shape, gains, axis };
    this.buildGains(this.facts);
    // That of a recurrent layer is there already, with the states beside it where a model gives them.
    if (!isRecurrent(layer)) this.inputSpec = layer.inputSpec;
    this.built = true;
  }

  /** As a recurrent layer, where it wraps one: which takes `initialState` for an input or an argument. */
  override apply(inputs: Inputs, kwargs?: Kwargs): Outputs {
    const recurrent = isRecurrent(this.layer);
    const apply = recurrent ? tf.RNN.prototype.apply : tf.layers.Layer.prototype.apply;
    return apply.call(this as never, inputs, kwargs as never);
  }

  protected get kernel(): KernelFacts {
    return this.facts ?? this.fail('layer', 'must be built', this.name);
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[] {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const { place } = this.kernel;
      const kernel = this.kernelOf(place.variable.read(), this.kernel);
      return place.with({ read: () => kernel }, () => this.layer.call(inputs, kwargs));
    });
  }

  /**
   * Writes the kernel as it is used into the layer inside and gives that layer, for a model without the wrapper. The
   * wrapper must not be used after that.
   */
  remove(): Layer {
    const { place } = this.kernel;
    tf.tidy(() => {
      place.variable.write(this.kernelOf(place.variable.read(), this.kernel));
    });
    return this.layer;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    return this.layer.computeOutputShape(inputShape);
  }

  override computeMask(inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor | Tensor[] {
    return this.layer.computeMask(inputs, mask);
  }

  override get trainable(): boolean {
    return super.trainable;
  }
  override set trainable(trainable: boolean) {
    super.trainable = trainable;
    this.layer.trainable = trainable;
  }

  override get trainableWeights(): LayerVariable[] {
    return this.trainable ? [...super.trainableWeights, ...this.layer.trainableWeights] : [];
  }
  override set trainableWeights(weights: LayerVariable[]) {
    super.trainableWeights = weights;
  }

  override get nonTrainableWeights(): LayerVariable[] {
    const { layer } = this;
    const inner = this.trainable ? layer.nonTrainableWeights : layer.weights;
    return [...super.nonTrainableWeights, ...inner];
  }
  override set nonTrainableWeights(weights: LayerVariable[]) {
    super.nonTrainableWeights = weights;
  }

  override get losses() {
    return [...super.losses, ...this.layer.losses];
  }

  // tfjs's addLoss pushes into `losses`, which here is a list of its own.
  override addLoss(losses: Parameters<Layer['addLoss']>[0]): void {
    (this as unknown as { _losses: unknown[] })._losses.push(...[losses].flat());
  }

  override get stateful(): boolean {
    return this.layer.stateful;
  }
  override resetStates(): void {
    this.layer.resetStates();
  }

  override setFastWeightInitDuringBuild(value: boolean): void {
    super.setFastWeightInitDuringBuild(value);
    this.layer.setFastWeightInitDuringBuild(value);
  }

  override getConfig(): serialization.ConfigDict {
    const { layer, axis } = this;
    return {
      ...super.getConfig(),
      layer: { className: layer.getClassName(), config: layer.getConfig() },
      ...(axis === undefined ? {} : { axis }),
    };
  }

  /** @nocollapse */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
    customObjects?: serialization.ConfigDict,
  ): T {
    const layer = deserializeLayer(config.layer, customObjects);
    return new cls({ ...config, layer } as never);
  }
}

/** tfjs does not export its deserializer of layers: a stock wrapper that is thrown away runs it. */
function deserializeLayer(config: unknown, customObjects?: serialization.ConfigDict): Layer {
  const inner = tf.layers.dense({ units: 1, name: 'deserializer' });
  const stock = tf.layers.timeDistributed({ layer: inner, name: 'deserializer' });
  const wrapper = stock.constructor as unknown as typeof KernelWrapper;
  const copy = { layer: structuredClone(config), name: 'deserializer' } as never;
  const made = wrapper.fromConfig(wrapper as never, copy, customObjects);
  return (made as unknown as { layer: Layer }).layer;
}
