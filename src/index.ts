/**
 * `tfjs-cuda-norm`: fused native normalization layers for TensorFlow.js on Node.
 *
 *     import { tf, norm } from 'tfjs-cuda-norm';
 *
 * @packageDocumentation
 */
import * as norm from './norm';
import { tf } from './tensorflow';

/** tfjs with our ops in it: the user's own `@tensorflow/tfjs-node`, or plain `@tensorflow/tfjs` where that does not load. */
/** Ops, layers, `useNativeOps` and what device they run on. */
export { norm, tf };
export default norm;

export type { ClipArgs } from './constraints/clip';
export type { ProjectNormArgs } from './constraints/projectNorm';
export type { Prior, PriorOptions } from './core/bayesianKL';
export type { RenormClipping } from './core/checks';
export type { DeviceInfo } from './core/device';
export type { NoiseShape, RandomOptions } from './core/dropout';
export { NormError } from './core/errors';
export type {
  HammingOptions,
  HammingOutput,
  HammingPadMode,
  HammingThreshold,
} from './core/hamming';
export type { AffineOptions } from './core/parameters';
export type { Device, LoadStep } from './core/report';
export type { FixedPoint, SeluOptions } from './core/selu';
export type { KeptNodes, NativeGraphReport, ReplacedNodes } from './graph/useNativeGraph';
export type { ExactNormalArgs } from './initializers/exactNormal';
export type { FixupArgs } from './initializers/fixup';
export type { HammingNormalArgs } from './initializers/hamming';
export type { OrthogonalArgs } from './initializers/orthogonal';
export type {
  WeightNormGainArgs,
  WeightNormRole,
  WeightNormVariant,
} from './initializers/weightNormGain';
export type { AnalyticNormalizationOptions } from './models/analyticNormalization';
export type { CalibrationBatch, CalibrationData, CalibrationReport } from './models/calibrate';
export type { LayerMoments, SelfNormalizingReport } from './models/checkSelfNormalizing';
export type { DataDependentInitReport } from './models/dataDependentInit';
export type { FixupResNetArgs } from './models/fixupResNet';
export type { EnsemblePrediction, PredictEnsembleOptions } from './models/predictEnsemble';
export type {
  ReplaceNormalizationOptions,
  ReplaceNormalizationReport,
} from './models/replaceNormalization';
export type { NativeOpsReport } from './models/useNativeOps';
export type { KeptLayer, ReplacedLayer } from './models/walk';
export type { NativeCounters } from './native';
export type { AdaptiveGradClipOptions } from './norms/adaptiveGradClip';
export type { AlphaDropoutOptions } from './norms/alphaDropout';
export type {
  AnalyticActivation,
  AnalyticNormConv2DArgs,
  AnalyticNormDenseArgs,
} from './norms/analyticLayers';
export type { AnalyticNormDenseOptions, AnalyticNormOptions } from './norms/analyticNorm';
export type {
  AttentionActivation,
  AttentionNorm,
  AttentiveBackbone,
  AttentiveNormOptions,
  AttentiveNormResult,
  AttentiveSettings,
  Squeeze,
} from './norms/attentiveNorm';
export type { AttentiveNormalizationArgs } from './norms/attentiveNormalization';
export type { BatchNormOptions, BatchNormResult } from './norms/batchNorm';
export type { BatchNormalizationArgs } from './norms/batchNormalization';
export type { BatchNormInferenceOptions } from './norms/batchNormInference';
export type { BatchRenormOptions, BatchRenormResult } from './norms/batchRenorm';
export type { BayesianAffineOptions } from './norms/bayesianAffine';
export type { BayesianNormalizationArgs } from './norms/bayesianNormalization';
export type { AlphaDropoutArgs, SeluArgs } from './norms/dropoutLayers';
export type { DynamicTanhOptions } from './norms/dynamicTanh';
export type { DynamicTanhArgs } from './norms/dynamicTanhLayer';
export type { EvoNormS0Options } from './norms/evoNormS0';
export type { EvoNormS0Args } from './norms/evoNormS0Layer';
export type { FilterResponseNormOptions } from './norms/filterResponseNorm';
export type { FilterResponseNormalizationArgs } from './norms/filterResponseNormalization';
export type { Scalar, ScaleBiasResidualOptions } from './norms/fixup';
export type {
  FixupBlockArgs,
  FixupBottleneckBlockArgs,
  FixupShortcut,
} from './norms/fixupBlocks';
export type {
  BiasArguments,
  ScalarBiasArgs,
  ScalarScaleArgs,
  ScaleArguments,
  SkipInitArgs,
} from './norms/fixupLayers';
export type { ReluMoments } from './norms/gaussianRelu';
export type { HammingEpilogueOptions } from './norms/generalizedHamming';
export type { GlobalResponseNormOptions } from './norms/globalResponseNorm';
export type { GlobalResponseNormalizationArgs } from './norms/globalResponseNormalization';
export type { GroupNormOptions } from './norms/groupNorm';
export type { GroupNormalizationArgs } from './norms/groupNormalization';
export type { HammingConv2dOptions } from './norms/hammingConv2d';
export type { HammingConv2DArgs } from './norms/hammingConv2dLayer';
export type { HammingDenseArgs } from './norms/hammingDenseLayer';
export type { HammingLayerArgs } from './norms/hammingLayer';
export type { InputMomentsArgs } from './norms/inputMoments';
export type { InstanceNormOptions } from './norms/instanceNorm';
export type { InstanceNormalizationArgs } from './norms/instanceNormalization';
export type { LayerNormOptions } from './norms/layerNorm';
export type { LayerNormalizationArgs } from './norms/layerNormalization';
export type { MeanOnlyBatchNormOptions, MeanOnlyBatchNormResult } from './norms/meanOnlyBatchNorm';
export type { MeanOnlyBatchNormalizationArgs } from './norms/meanOnlyBatchNormalization';
export type {
  ErrorCompensation,
  OnlineControl,
  OnlineNormOptions,
  OnlineNormResult,
} from './norms/onlineNorm';
export type { OnlineNormalizationArgs } from './norms/onlineNormalization';
export type { RmsNormOptions } from './norms/rmsNorm';
export type { RMSNormalizationArgs } from './norms/rmsNormalization';
export type { SpectralNormOptions, SpectralNormResult } from './norms/spectralNorm';
export type { NoiseGranularity, StochasticAffineOptions } from './norms/stochasticNorm';
export type { StochasticNormalizationArgs } from './norms/stochasticNormalization';
export type { SwitchableNormOptions, SwitchableNormResult } from './norms/switchableNorm';
export type {
  StatisticWeights,
  SwitchableInference,
  SwitchableNormalizationArgs,
} from './norms/switchableNormalization';
export type { ThresholdedLinearUnitArgs } from './norms/thresholdedLinearUnit';
export type { WeightNormOptions } from './norms/weightNorm';
export type {
  StandardizationMode,
  WeightStandardizationOptions,
} from './norms/weightStandardization';
export type { TensorFlowJs } from './tensorflow';
export type { EquiNormalizationOptions } from './training/equiNormalization';
export type { GradClipOptions } from './training/gradClipOptimizer';
export type { MixupOptions, MixupResult } from './training/mixup';
export type { ScalingGroupsOptions } from './training/modelGroups';
export type { ScaledAxis, ScalingGroup } from './training/scalingGroups';
export type { RenormClippingSchedule } from './training/schedules';
export type { WarmupOptions } from './training/warmup';
export type { FixupGroupsOptions, WeightGroup } from './training/withGroups';
export type { WrapperArguments } from './weights/kernelWrapper';
export type { SpectralNormalizationArgs } from './weights/spectralNormalization';
export type { WeightNormalizationArgs } from './weights/weightNormalization';
export type { WeightStandardizationArgs } from './weights/weightStandardizationLayer';
