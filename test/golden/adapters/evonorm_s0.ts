import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

export const adapter: Adapter = ({ attrs }, axis) => ({
  inputs: ['x', 'gamma', 'beta', 'v'],
  op: (x, gamma, beta, v) =>
    norm.ops.evoNormS0(x!, {
      gamma,
      beta,
      v,
      axis,
      groups: attrs.groups as number,
      epsilon: attrs.epsilon as number,
    }),
});
