import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

export const adapter: Adapter = ({ attrs }, channelAxis) => ({
  inputs: ['x', 'gamma', 'beta'],
  op: (x, gamma, beta) =>
    norm.ops.layerNorm(x!, {
      gamma,
      beta,
      axis: attrs.normalizedRank === 3 ? [1, 2, 3] : channelAxis,
      epsilon: attrs.epsilon as number,
    }),
});
