import { norm } from '../../../../src';
import type { WeightAdapters } from '../../../support/goldenWeights';

export const ops: WeightAdapters = {
  WeightStandardization: ({ kernel, gain }, { attrs: { mode, epsilon } }) => ({
    y: norm.ops.weightStandardization(kernel!, { gain, mode, epsilon }),
  }),
};
