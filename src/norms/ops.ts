/** The members of `norm.ops`. */

export { alphaDropout } from './alphaDropout';
export { attentiveNorm } from './attentiveNorm';
export { batchNorm } from './batchNorm';
export { batchNormInference } from './batchNormInference';
export { batchRenorm } from './batchRenorm';
export { bayesianAffine } from './bayesianAffine';
export { dynamicTanh } from './dynamicTanh';
export { evoNormS0 } from './evoNormS0';
export { filterResponseNorm } from './filterResponseNorm';
export { biasReluBias, scalarBias, scaleBiasResidual, skipInit } from './fixup';
export { hammingEpilogue } from './generalizedHamming';
export { globalResponseNorm } from './globalResponseNorm';
export { groupNorm } from './groupNorm';
export { hammingConv2d } from './hammingConv2d';
export { hammingDense } from './hammingDense';
export { instanceNorm } from './instanceNorm';
export { layerNorm } from './layerNorm';
export { meanOnlyBatchNorm } from './meanOnlyBatchNorm';
export { onlineNorm } from './onlineNorm';
export { rmsNorm } from './rmsNorm';
export { selu } from './selu';
export { seluAlphaDropout } from './seluAlphaDropout';
export { stochasticAffine } from './stochasticNorm';
export { switchableNorm } from './switchableNorm';
export { weightNorm } from './weightNorm';
export { weightStandardization } from './weightStandardization';
