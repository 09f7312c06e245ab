/** The members of `norm.layers`: the layer classes, and a function that makes each, as in `tf.layers`. */

import {
  SpectralNormalization,
  type SpectralNormalizationArgs,
} from '../weights/spectralNormalization';
import { WeightNormalization, type WeightNormalizationArgs } from '../weights/weightNormalization';
import {
  WeightStandardization,
  type WeightStandardizationArgs,
} from '../weights/weightStandardizationLayer';
import {
  AnalyticNormConv2D,
  type AnalyticNormConv2DArgs,
  AnalyticNormDense,
  type AnalyticNormDenseArgs,
} from './analyticLayers';
import { AttentiveNormalization, type AttentiveNormalizationArgs } from './attentiveNormalization';
import { BatchNormalization, type BatchNormalizationArgs } from './batchNormalization';
import { BayesianNormalization, type BayesianNormalizationArgs } from './bayesianNormalization';
import {
  AlphaDropout,
  type AlphaDropoutArgs,
  Selu,
  SeluAlphaDropout,
  type SeluArgs,
} from './dropoutLayers';
import { DynamicTanh, type DynamicTanhArgs } from './dynamicTanhLayer';
import { EvoNormS0, type EvoNormS0Args } from './evoNormS0Layer';
import {
  FilterResponseNormalization,
  type FilterResponseNormalizationArgs,
} from './filterResponseNormalization';
import {
  FixupBasicBlock,
  type FixupBlockArgs,
  FixupBottleneckBlock,
  type FixupBottleneckBlockArgs,
} from './fixupBlocks';
import {
  ReZero,
  ScalarBias,
  type ScalarBiasArgs,
  ScalarScale,
  type ScalarScaleArgs,
  SkipInit,
  type SkipInitArgs,
} from './fixupLayers';
import {
  GlobalResponseNormalization,
  type GlobalResponseNormalizationArgs,
} from './globalResponseNormalization';
import { GroupNormalization, type GroupNormalizationArgs } from './groupNormalization';
import { HammingConv2D, type HammingConv2DArgs } from './hammingConv2dLayer';
import { HammingDense, type HammingDenseArgs } from './hammingDenseLayer';
import { InputMoments, type InputMomentsArgs } from './inputMoments';
import { InstanceNormalization, type InstanceNormalizationArgs } from './instanceNormalization';
import { LayerNormalization, type LayerNormalizationArgs } from './layerNormalization';
import {
  MeanOnlyBatchNormalization,
  type MeanOnlyBatchNormalizationArgs,
} from './meanOnlyBatchNormalization';
import { OnlineNormalization, type OnlineNormalizationArgs } from './onlineNormalization';
import { RMSNormalization, type RMSNormalizationArgs } from './rmsNormalization';
import {
  StochasticNormalization,
  type StochasticNormalizationArgs,
} from './stochasticNormalization';
import {
  SwitchableNormalization,
  type SwitchableNormalizationArgs,
} from './switchableNormalization';
import { ThresholdedLinearUnit, type ThresholdedLinearUnitArgs } from './thresholdedLinearUnit';

export {
  AlphaDropout,
  AnalyticNormConv2D,
  AnalyticNormDense,
  AttentiveNormalization,
  BatchNormalization,
  BayesianNormalization,
  DynamicTanh,
  EvoNormS0,
  FilterResponseNormalization,
  FixupBasicBlock,
  FixupBottleneckBlock,
  GlobalResponseNormalization,
  GroupNormalization,
  HammingConv2D,
  HammingDense,
  InputMoments,
  InstanceNormalization,
  LayerNormalization,
  MeanOnlyBatchNormalization,
  OnlineNormalization,
  ReZero,
  RMSNormalization,
  ScalarBias,
  ScalarScale,
  Selu,
  SeluAlphaDropout,
  SkipInit,
  SpectralNormalization,
  StochasticNormalization,
  SwitchableNormalization,
  ThresholdedLinearUnit,
  WeightNormalization,
  WeightStandardization,
};

/** An {@link AnalyticNormConv2D} layer. */
export function analyticNormConv2d(args: AnalyticNormConv2DArgs): AnalyticNormConv2D {
  return new AnalyticNormConv2D(args);
}

/** An {@link AnalyticNormDense} layer. */
export function analyticNormDense(args: AnalyticNormDenseArgs): AnalyticNormDense {
  return new AnalyticNormDense(args);
}

/** An {@link AlphaDropout} layer. */
export function alphaDropout(args: AlphaDropoutArgs): AlphaDropout {
  return new AlphaDropout(args);
}

/** An {@link AttentiveNormalization} layer. */
export function attentiveNormalization(args?: AttentiveNormalizationArgs): AttentiveNormalization {
  return new AttentiveNormalization(args);
}

/** A {@link BatchNormalization} layer. */
export function batchNormalization(args?: BatchNormalizationArgs): BatchNormalization {
  return new BatchNormalization(args);
}

/** A {@link BayesianNormalization} layer. */
export function bayesianNormalization(args?: BayesianNormalizationArgs): BayesianNormalization {
  return new BayesianNormalization(args);
}

/** A {@link GlobalResponseNormalization} layer. */
export function globalResponseNormalization(
  args?: GlobalResponseNormalizationArgs,
): GlobalResponseNormalization {
  return new GlobalResponseNormalization(args);
}

/** A {@link DynamicTanh} layer. */
export function dynamicTanh(args?: DynamicTanhArgs): DynamicTanh {
  return new DynamicTanh(args);
}

/** An {@link EvoNormS0} layer. */
export function evoNormS0(args?: EvoNormS0Args): EvoNormS0 {
  return new EvoNormS0(args);
}

/** A {@link FilterResponseNormalization} layer. */
export function filterResponseNormalization(
  args?: FilterResponseNormalizationArgs,
): FilterResponseNormalization {
  return new FilterResponseNormalization(args);
}

/** A {@link FixupBasicBlock} layer. */
export function fixupBasicBlock(args: FixupBlockArgs): FixupBasicBlock {
  return new FixupBasicBlock(args);
}

/** A {@link FixupBottleneckBlock} layer. */
export function fixupBottleneckBlock(args: FixupBottleneckBlockArgs): FixupBottleneckBlock {
  return new FixupBottleneckBlock(args);
}

/** A {@link GroupNormalization} layer. */
export function groupNormalization(args?: GroupNormalizationArgs): GroupNormalization {
  return new GroupNormalization(args);
}

/** A {@link HammingConv2D} layer. */
export function hammingConv2d(args: HammingConv2DArgs): HammingConv2D {
  return new HammingConv2D(args);
}

/** A {@link HammingDense} layer. */
export function hammingDense(args: HammingDenseArgs): HammingDense {
  return new HammingDense(args);
}

/** An {@link InputMoments} layer. */
export function inputMoments(args?: InputMomentsArgs): InputMoments {
  return new InputMoments(args);
}

/** An {@link InstanceNormalization} layer. */
export function instanceNormalization(args?: InstanceNormalizationArgs): InstanceNormalization {
  return new InstanceNormalization(args);
}

/** A {@link LayerNormalization} layer. */
export function layerNormalization(args?: LayerNormalizationArgs): LayerNormalization {
  return new LayerNormalization(args);
}

/** A {@link MeanOnlyBatchNormalization} layer. */
export function meanOnlyBatchNormalization(
  args?: MeanOnlyBatchNormalizationArgs,
): MeanOnlyBatchNormalization {
  return new MeanOnlyBatchNormalization(args);
}

/** An {@link OnlineNormalization} layer. */
export function onlineNormalization(args?: OnlineNormalizationArgs): OnlineNormalization {
  return new OnlineNormalization(args);
}

/** A {@link ReZero} layer. */
export function reZero(args?: SkipInitArgs): ReZero {
  return new ReZero(args);
}

/** An {@link RMSNormalization} layer. */
export function rmsNormalization(args?: RMSNormalizationArgs): RMSNormalization {
  return new RMSNormalization(args);
}

/** A {@link ScalarBias} layer. */
export function scalarBias(args?: ScalarBiasArgs): ScalarBias {
  return new ScalarBias(args);
}

/** A {@link ScalarScale} layer. */
export function scalarScale(args?: ScalarScaleArgs): ScalarScale {
  return new ScalarScale(args);
}

/** A {@link Selu} layer. */
export function selu(args?: SeluArgs): Selu {
  return new Selu(args);
}

/** A {@link SeluAlphaDropout} layer. */
export function seluAlphaDropout(args: AlphaDropoutArgs): SeluAlphaDropout {
  return new SeluAlphaDropout(args);
}

/** A {@link SkipInit} layer. */
export function skipInit(args?: SkipInitArgs): SkipInit {
  return new SkipInit(args);
}

/** A {@link SpectralNormalization} layer around another one. */
export function spectralNormalization(args: SpectralNormalizationArgs): SpectralNormalization {
  return new SpectralNormalization(args);
}

/** A {@link StochasticNormalization} layer. */
export function stochasticNormalization(
  args: StochasticNormalizationArgs,
): StochasticNormalization {
  return new StochasticNormalization(args);
}

/** A {@link SwitchableNormalization} layer. */
export function switchableNormalization(
  args?: SwitchableNormalizationArgs,
): SwitchableNormalization {
  return new SwitchableNormalization(args);
}

/** A {@link ThresholdedLinearUnit} layer. */
export function tlu(args?: ThresholdedLinearUnitArgs): ThresholdedLinearUnit {
  return new ThresholdedLinearUnit(args);
}

/** A {@link WeightNormalization} layer around another one. */
export function weightNormalization(args: WeightNormalizationArgs): WeightNormalization {
  return new WeightNormalization(args);
}

/** A {@link WeightStandardization} layer around another one. */
export function weightStandardization(args: WeightStandardizationArgs): WeightStandardization {
  return new WeightStandardization(args);
}
