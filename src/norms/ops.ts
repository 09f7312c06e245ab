/** The members of `norm.ops`. */
export { batchNorm } from './batchNorm';
export { batchNormInference } from './batchNormInference';
export { groupNorm } from './groupNorm';
export { instanceNorm } from './instanceNorm';
export { layerNorm } from './layerNorm';
export { rmsNorm } from './rmsNorm';
export { switchableNorm } from './switchableNorm';
