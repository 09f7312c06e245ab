/** The members of `norm.initializers`. */
export {
  GlorotNormalExact,
  glorotNormal,
  HeNormalExact,
  heNormal,
  LeCunNormalExact,
  leCunNormal,
} from './exactNormal';
export { FixupInitializer, fixup } from './fixup';
export { HammingNormal, hamming } from './hamming';
export { NativeOrthogonal, orthogonal } from './orthogonal';
export { WeightNormGain, weightNormGain } from './weightNormGain';
