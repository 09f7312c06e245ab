import { norm } from '../../../../src';
import type { WeightAdapters } from '../../../support/goldenWeights';

export const ops: WeightAdapters = {
  SkipInit: ({ x, branch, alpha }) => ({ y: norm.ops.skipInit(x!, branch!, alpha!) }),
};
