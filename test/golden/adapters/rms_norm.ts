import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

export const adapter: Adapter = ({ attrs }, axis) => ({
  inputs: ['x', 'gamma'],
  op: (x, gamma) =>
    norm.ops.rmsNorm(x!, {
      gamma,
      axis,
      epsilon: attrs.epsilon as number,
      epsilonInside: attrs.epsilonInsideSqrt as boolean,
      partial: (attrs.partial as number | null) ?? undefined,
    }),
});
