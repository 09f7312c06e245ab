/** The members of `norm.initializers`. */
export {
  GlorotNormalExact,
  glorotNormal,
  HeNormalExact,
  heNormal,
  LeCunNormalExact,
  leCunNormal,
} from './exactNormal';
export { HammingNormal, hamming } from './hamming';
