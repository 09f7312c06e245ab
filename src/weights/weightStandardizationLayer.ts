/** The weight standardization layer. */
import type { serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon } from '../core/checks';
import type { LayerVariable } from '../core/layer';
import {
  type ConstraintArgument,
  type InitializerArgument,
  type RegularizerArgument,
  serializeWeight,
  toWeight,
  type WeightSettings,
  weightArguments,
} from '../core/layerArguments';
import {
  checkMode,
  defaultEpsilon,
  type StandardizationMode,
  weightStandardization,
} from '../norms/weightStandardization';
import { tf } from '../tensorflow';
import { type KernelFacts, KernelWrapper, type WrapperArguments } from './kernelWrapper';

/** Arguments of {@link WeightStandardization}. */
export interface WeightStandardizationArgs extends WrapperArguments {
  /** By what the centred kernel is divided, as in `norm.ops.weightStandardization`. Default 'biased'. */
  mode?: StandardizationMode;
  /** Greater than 0. Default 1e-5, and 1e-4 for 'scaled'. */
  epsilon?: number;
  /** Whether to learn a gain for each output. Default true for 'scaled', whose kernels are short without it, else false. */
  scale?: boolean;
  /** Default 'ones'. */
  gainInitializer?: InitializerArgument;
  /** Default none. */
  gainRegularizer?: RegularizerArgument;
  /** Default none. */
  gainConstraint?: ConstraintArgument;
}

/**
 * Weight standardization of the layer that it wraps: dense, convolutions of any kind (of separable ones the pointwise
 * kernel), recurrent layers (their recurrent kernel). To be used with a normalizer of the activations that does not need a batch, as group
 * normalization; with `mode: 'scaled'` in networks without any.
 *
 *     kernel = gain * (v - mean(v)) / divisor    for each output; the divisors are those of the op
 *
 * Weights: `gain` (with `scale`), of the extents of the kept axes of the kernel; then those of the wrapped layer, whose
 * kernel is v. The same in training and inference.
 *
 * Throws a `NormError` for arguments out of their domain, for a layer without a kernel, and for a kernel with one weight
 * for each output, of which nothing would be left.
 *
 * Papers: Qiao et al., arXiv 1903.10520; Brock, De & Smith, arXiv 2101.08692 ('scaled').
 */
export class WeightStandardization extends KernelWrapper {
  /** @nocollapse */
  static readonly className: string = 'WeightStandardization';
  readonly mode: StandardizationMode;
  readonly epsilon: number;
  readonly scale: boolean;
  protected readonly gainSettings: WeightSettings;
  protected gain: LayerVariable | null = null;

  constructor(args?: WeightStandardizationArgs) {
    super(args, ['mode', 'epsilon', 'scale', ...weightArguments('gain')]);
    const { fail } = this;
    const given = args ?? ({} as Partial<WeightStandardizationArgs>);
    this.mode = checkMode(fail, given.mode);
    this.epsilon = checkEpsilon(fail, given.epsilon ?? defaultEpsilon(this.mode));
    this.scale = checkBoolean(fail, 'scale', given.scale ?? this.mode === 'scaled');
    this.gainSettings = toWeight(fail, given, 'gain', 'ones');
  }

  protected override get centred(): boolean {
    return true;
  }

  protected override buildGains({ gains }: KernelFacts): void {
    if (!this.scale) return;
    const { initializer, regularizer, constraint } = this.gainSettings;
    this.gain = this.addWeight(
      'gain',
      gains,
      'float32',
      initializer,
      regularizer ?? undefined,
      true,
      constraint ?? undefined,
    );
  }

  protected override kernelOf(v: Tensor, { axis }: KernelFacts): Tensor {
    const { mode, epsilon } = this;
    return weightStandardization(v, { gain: this.gain?.read(), axis, mode, epsilon });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      mode: this.mode,
      epsilon: this.epsilon,
      scale: this.scale,
      ...serializeWeight('gain', this.gainSettings),
    };
  }
}
tf.serialization.registerClass(WeightStandardization);
