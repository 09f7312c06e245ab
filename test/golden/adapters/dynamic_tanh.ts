import { norm } from '../../../src';
import type { Adapter } from '../../support/golden';

export const adapter: Adapter = (_, axis) => ({
  inputs: ['x', 'alpha', 'gamma', 'beta'],
  op: (x, alpha, gamma, beta) => norm.ops.dynamicTanh(x!, { alpha, gamma, beta, axis }),
});
