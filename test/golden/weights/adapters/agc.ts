import { norm } from '../../../../src';
import type { WeightAdapters } from '../../../support/goldenWeights';

export const ops: WeightAdapters = {
  AdaptiveGradClip: ({ grad, param }, { attrs: { clipping, epsilon } }) => ({
    y: norm.ops.adaptiveGradClip(grad!, param!, { clipping, epsilon }),
  }),
};
