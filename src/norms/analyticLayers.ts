/** Layers of networks whose moments are propagated: each takes a tensor with its moments and gives one with its own. */
import type { Shape, serialization, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-node';
import { checkChoice, checkCount, checkPair } from '../core/checks';
import { spanOf } from '../core/hamming';
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
import { analyticNormConv2d, analyticNormDense, LEAST_VARIANCE } from './analyticNorm';
import { gaussianReluMoments, type ReluMoments } from './gaussianRelu';

const ACTIVATIONS = ['linear', 'relu'] as const;
const PADDINGS = ['valid', 'same'] as const;

/** What follows a normalization without changing what is known of the moments. */
export type AnalyticActivation = (typeof ACTIVATIONS)[number];

/** The moments of a normalized output with this deviation and mean after its activation. */
export function momentsAfter(
  activation: AnalyticActivation,
  scale: Tensor,
  bias: Tensor,
): ReluMoments {
  if (activation === 'linear') return { mean: bias, variance: tf.square(scale) };
  return gaussianReluMoments(bias, tf.maximum(tf.abs(scale), Math.sqrt(LEAST_VARIANCE)));
}

/** Arguments of {@link AnalyticNormDense} and {@link AnalyticNormConv2D}. */
export interface AnalyticLayerArgs extends LayerArguments {
  /** 'linear' or 'relu', after the normalization. Default 'linear'. */
  activation?: AnalyticActivation;
  /** Of how many values with these moments each input is the mean, as after average pooling. Default 1. */
  inputCount?: number;
  /** Default 'glorotNormal'. */
  kernelInitializer?: InitializerArgument;
  /** Default none. */
  kernelRegularizer?: RegularizerArgument;
  /** Default none. */
  kernelConstraint?: ConstraintArgument;
  /** Default 'ones'. */
  scaleInitializer?: InitializerArgument;
  /** Default none. */
  scaleRegularizer?: RegularizerArgument;
  /** Default none. */
  scaleConstraint?: ConstraintArgument;
  /** Default 'zeros'. */
  biasInitializer?: InitializerArgument;
  /** Default none. */
  biasRegularizer?: RegularizerArgument;
  /** Default none. */
  biasConstraint?: ConstraintArgument;
}

const WEIGHTS = ['kernel', 'scale', 'bias'] as const;
const OWN = ['activation', 'inputCount', ...WEIGHTS.flatMap(weightArguments)];

abstract class AnalyticLayer extends NormalizationLayer {
  readonly activation: AnalyticActivation;
  readonly inputCount: number;
  private readonly settings: Record<(typeof WEIGHTS)[number], WeightSettings>;
  private learned: LayerVariable[] = [];

  protected constructor(args: AnalyticLayerArgs, own: readonly string[]) {
    super(args, [...own, ...OWN]);
    const { fail } = this;
    const given: AnalyticLayerArgs = args ?? {};
    this.activation = checkChoice(fail, 'activation', ACTIVATIONS, given.activation ?? 'linear');
    this.inputCount = checkCount(fail, 'inputCount', given.inputCount ?? 1);
    this.settings = {
      kernel: toWeight(fail, given, 'kernel', 'glorotNormal'),
      scale: toWeight(fail, given, 'scale', 'ones'),
      bias: toWeight(fail, given, 'bias', 'zeros'),
    };
    this.supportsMasking = false;
  }

  /** The kernel's shape for an input; refuses inputs that have none. */
  protected abstract kernelShape(x: Shape, channels: number): number[];
  protected abstract shapeAfter(x: Shape): Shape;
  protected abstract normalize(
    x: Tensor,
    kernel: Tensor,
    options: Parameters<typeof analyticNormDense>[2],
  ): Tensor;

  private three<T>(of: T | T[]): [T, T, T] {
    const list = of as T[];
    if (Array.isArray(list) && list.length === 3) return list as [T, T, T];
    return this.fail('inputs', 'must be a tensor, its means and its variances', of);
  }

  override build(inputShape: Shape | Shape[]): void {
    const [x, mean, variance] = this.three(inputShape as Shape[]);
    if (!Array.isArray(x) || `${mean}` !== `${variance}` || mean.length !== 1) {
      this.fail('inputs', 'must be a tensor, its means and its variances', inputShape);
    }
    const shape = this.kernelShape(x, mean[0]!);
    const outputs = [shape.at(-1)!];
    this.learned = WEIGHTS.map((name) =>
      this.addLearned(name, name === 'kernel' ? shape : outputs, this.settings[name]),
    );
    this.built = true;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): never {
    const y = this.shapeAfter(this.three(inputShape as Shape[])[0]);
    return [y, [y.at(-1)], [y.at(-1)]] as never;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor[] {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const [x, inputMean, variance] = this.three(inputs as Tensor[]);
      const [kernel, scale, bias] = this.learned.map((weight) => weight.read());
      const inputVariance = this.inputCount === 1 ? variance : tf.div(variance, this.inputCount);
      const y = this.normalize(x, kernel!, { inputMean, inputVariance, scale, bias });
      const after = momentsAfter(this.activation, scale!, bias!);
      return [this.activation === 'relu' ? tf.relu(y) : y, after.mean, after.variance];
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      activation: this.activation,
      inputCount: this.inputCount,
      ...Object.assign({}, ...WEIGHTS.map((name) => serializeWeight(name, this.settings[name]))),
    };
  }
}

/** Arguments of {@link AnalyticNormDense}. */
export interface AnalyticNormDenseArgs extends AnalyticLayerArgs {
  /** The number of outputs. */
  units: number;
}

/**
 * A dense layer, normalized by moments that follow from those of its input: `norm.ops.analyticNormDense`.
 *
 *     y = scale * (x kernel - mu') / sqrt(var') + bias
 *
 * Takes a list of x [batch, features], means and variances [channels], whose number divides that of the features, as
 * `norm.layers.inputMoments` and these layers give it; gives y [batch, units] after `activation` and its means and variances.
 * Weights: `kernel` [features, units], `scale` and `bias` [units]. The same in training and inference. Takes no masks.
 *
 * Throws a `NormError` for arguments out of their domain and for other inputs.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export class AnalyticNormDense extends AnalyticLayer {
  /** @nocollapse */
  static readonly className: string = 'AnalyticNormDense';
  readonly units: number;

  constructor(args: AnalyticNormDenseArgs) {
    super(args, ['units']);
    this.units = checkCount(this.fail, 'units', args?.units);
  }

  protected kernelShape(x: Shape, channels: number): number[] {
    if (x.length !== 2) this.fail('inputs', 'must have x of rank 2', x);
    const features = this.knownExtent(x, 1);
    if (!(channels > 0) || features % channels !== 0) {
      this.fail('inputs', `must have means of channels that divide ${features}`, channels);
    }
    return [features, this.units];
  }

  protected shapeAfter(x: Shape): Shape {
    return [x[0]!, this.units];
  }

  protected normalize(
    x: Tensor,
    kernel: Tensor,
    options: Parameters<typeof analyticNormDense>[2],
  ): Tensor {
    return analyticNormDense(x as Tensor2D, kernel as Tensor2D, options);
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), units: this.units };
  }
}
tf.serialization.registerClass(AnalyticNormDense);

/** Arguments of {@link AnalyticNormConv2D}. */
export interface AnalyticNormConv2DArgs extends AnalyticLayerArgs {
  /** The number of outputs at each place. */
  filters: number;
  /** Height and width of the kernel: one positive integer for both, or one for each. */
  kernelSize: number | [number, number];
  /** As kernelSize. Default 1. */
  strides?: number | [number, number];
  /** 'valid' or 'same'. Default 'valid'. */
  padding?: 'valid' | 'same';
}

/**
 * A two-dimensional convolution, normalized by moments that follow from those of its input: `norm.ops.analyticNormConv2d`.
 *
 *     y = scale * (conv(x) - mu') / sqrt(var') + bias
 *
 * Takes a list of x [batch, height, width, channels], means and variances [channels], as `norm.layers.inputMoments` and these
 * layers give it; gives y [batch, height, width, filters] after `activation` and its means and variances. Weights: `kernel`
 * [height, width, channels, filters], `scale` and `bias` [filters]. The same in training and inference. Takes no masks.
 *
 * Throws a `NormError` for arguments out of their domain and for other inputs.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export class AnalyticNormConv2D extends AnalyticLayer {
  /** @nocollapse */
  static readonly className: string = 'AnalyticNormConv2D';
  readonly filters: number;
  readonly kernelSize: [number, number];
  readonly strides: [number, number];
  readonly padding: 'valid' | 'same';

  constructor(args: AnalyticNormConv2DArgs) {
    super(args, ['filters', 'kernelSize', 'strides', 'padding']);
    const { fail } = this;
    const given: Partial<AnalyticNormConv2DArgs> = args ?? {};
    this.filters = checkCount(fail, 'filters', given.filters);
    this.kernelSize = checkPair(fail, 'kernelSize', given.kernelSize);
    this.strides = checkPair(fail, 'strides', given.strides ?? 1);
    this.padding = checkChoice(fail, 'padding', PADDINGS, given.padding ?? 'valid');
  }

  protected kernelShape(x: Shape, channels: number): number[] {
    if (x.length !== 4) this.fail('inputs', 'must have x of rank 4', x);
    if (this.knownExtent(x, 3) !== channels) {
      this.fail('inputs', `must have means of the ${x[3]} channels`, channels);
    }
    return [...this.kernelSize, channels, this.filters];
  }

  protected shapeAfter(x: Shape): Shape {
    const along = (axis: 0 | 1) => {
      const input = x[axis + 1] ?? null;
      if (input === null) return null;
      const [kernel, stride] = [this.kernelSize[axis], this.strides[axis]];
      return spanOf({ input, kernel, stride, dilation: 1, padding: this.padding }).outputs;
    };
    return [x[0]!, along(0), along(1), this.filters];
  }

  protected normalize(
    x: Tensor,
    kernel: Tensor,
    options: Parameters<typeof analyticNormDense>[2],
  ): Tensor {
    const { strides, padding } = this;
    return analyticNormConv2d(x as Tensor4D, kernel as Tensor4D, { ...options, strides, padding });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      filters: this.filters,
      kernelSize: [...this.kernelSize],
      strides: [...this.strides],
      padding: this.padding,
    };
  }
}
tf.serialization.registerClass(AnalyticNormConv2D);
