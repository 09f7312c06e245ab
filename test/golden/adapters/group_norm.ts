import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

export const adapter: Adapter = ({ attrs }, axis) => ({
  inputs: ['x', 'gamma', 'beta'],
  op: (x, gamma, beta) =>
    norm.ops.groupNorm(x!, {
      gamma,
      beta,
      axis,
      groups: attrs.groups as number,
      epsilon: attrs.epsilon as number,
    }),
});
