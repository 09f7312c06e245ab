import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

/** The file's epsilon is all of it, one for each channel. */
export const adapter: Adapter = (_, axis) => ({
  inputs: ['x', 'gamma', 'beta', 'tau', 'epsilon'],
  op: (x, gamma, beta, tau, learnedEpsilon) =>
    norm.ops.filterResponseNorm(x!, { gamma, beta, tau, learnedEpsilon, axis, epsilon: 0 }),
});
