/** What the layers of generalized Hamming distances share. */
import type { serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkPositive } from '../core/checks';
import {
  checkChoices,
  checkRadius,
  type HammingOptions,
  type HammingOutput,
  type HammingThreshold,
} from '../core/hamming';
import { type LayerVariable, NormalizationLayer } from '../core/layer';
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
import { hamming } from '../initializers/hamming';
import { tf } from '../tensorflow';

/** Arguments of the layers of generalized Hamming distances. */
export interface HammingLayerArgs extends LayerArguments {
  /** What comes out: 'distance', 'similarity', 'centered' or 'raw'. Default 'distance'. */
  output?: HammingOutput;
  /** 'none', 'relu', 'double' or 'soft'. Default 'none'. */
  threshold?: HammingThreshold;
  /** The fuzziness that 'double' suppresses, and where the learned one of 'soft' starts; not negative. Default 0. */
  r?: number;
  /** The steepness of 'soft'; greater than 0. Default 8. */
  alpha?: number;
  /** What the output is multiplied with, for logits; greater than 0. Default 1. */
  logitScale?: number;
  /** Default `norm.initializers.hamming()`: mean and standard deviation 1/2. */
  kernelInitializer?: InitializerArgument;
  /** Default none. */
  kernelRegularizer?: RegularizerArgument;
  /** Default none. */
  kernelConstraint?: ConstraintArgument;
  /** Of 'soft'. Default the number `r`. */
  rInitializer?: InitializerArgument;
  /** Default none. */
  rRegularizer?: RegularizerArgument;
  /** Default none. tfjs 4.22 applies constraints where weights are set or loaded, not in training. */
  rConstraint?: ConstraintArgument;
}

const OWN = [
  'output',
  'threshold',
  'r',
  'alpha',
  'logitScale',
  ...weightArguments('kernel'),
  ...weightArguments('r'),
];

/** A kernel, and with the soft threshold r for each channel of the output. */
export abstract class HammingLayer extends NormalizationLayer {
  readonly outputMode: HammingOutput;
  readonly threshold: HammingThreshold;
  readonly r: number;
  readonly alpha: number;
  readonly logitScale: number;
  protected readonly kernelSettings: WeightSettings;
  protected readonly rSettings: WeightSettings;
  protected kernel: LayerVariable | null = null;
  protected learnedR: LayerVariable | null = null;

  protected constructor(args: HammingLayerArgs, own: readonly string[]) {
    super(args, [...own, ...OWN]);
    const { fail } = this;
    const given: HammingLayerArgs = args ?? {};
    const { output, threshold, alpha } = checkChoices(fail, given);
    this.outputMode = output;
    this.threshold = threshold;
    this.alpha = alpha;
    this.r = checkRadius(fail, given.r ?? 0);
    this.logitScale = checkPositive(fail, 'logitScale', given.logitScale ?? 1);
    this.kernelSettings = toWeight(fail, given, 'kernel', hamming());
    this.rSettings = toWeight(fail, given, 'r', tf.initializers.constant({ value: this.r }));
  }

  protected addWeights(kernelShape: number[]): void {
    this.kernel = this.addLearned('kernel', kernelShape, this.kernelSettings);
    if (this.threshold === 'soft') {
      this.learnedR = this.addLearned('r', [kernelShape.at(-1)!], this.rSettings);
    }
  }

  /** What the ops call `output`, a name that tfjs's layers have taken, and the rest of their options. */
  protected options(): HammingOptions {
    const { outputMode: output, threshold, alpha } = this;
    return { output, threshold, alpha, r: this.learnedR?.read() ?? this.r };
  }

  protected scaled<T extends Tensor>(y: T): T {
    return this.logitScale === 1 ? y : tf.mul(y, this.logitScale);
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      output: this.outputMode,
      threshold: this.threshold,
      r: this.r,
      alpha: this.alpha,
      logitScale: this.logitScale,
      ...serializeWeight('kernel', this.kernelSettings),
      ...serializeWeight('r', this.rSettings),
    };
  }
}
