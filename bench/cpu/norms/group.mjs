import { COMMON, standardize } from '../entry.mjs';

export const groupKernel = ({ x, gamma, beta }, groups) => ({
  op: 'TfjsGroupNorm',
  inputs: { x, gamma, beta },
  outputs: ['y', 'moments'],
  gradInputs: ['gamma', 'moments'],
  attributes: { axis: x.rank - 1, groups, ...COMMON },
});

export default {
  shapes: ['image'],
  target: { forward: 1.4, backward: 2.4 },
  ours:
    ({ ops }, { groups }) =>
    (x, gamma, beta) =>
      ops.groupNorm(x, { gamma, beta, groups }),
  composed:
    (tf, { groups }) =>
    (x, gamma, beta) => {
      const grouped = x.reshape([x.shape[0], -1, groups, x.shape.at(-1) / groups]);
      return standardize(tf, grouped, [1, 3]).reshape(x.shape).mul(gamma).add(beta);
    },
  kernel: (t) => groupKernel(t, t.groups),
};
