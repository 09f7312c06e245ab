import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

export const adapter: Adapter = ({ attrs }, axis) => ({
  inputs: ['x', 'gamma', 'beta'],
  op: (x, gamma, beta) =>
    norm.ops.globalResponseNorm(x!, { gamma, beta, axis, epsilon: attrs.epsilon as number }),
});
