import { axesButLast, standardize } from '../entry.mjs';
import { groupKernel } from './group.mjs';

export default {
  shapes: ['image'],
  target: { forward: 1.4, backward: 2.4 },
  ours:
    ({ ops }) =>
    (x, gamma, beta) =>
      ops.instanceNorm(x, { gamma, beta }),
  composed: (tf) => (x, gamma, beta) =>
    standardize(tf, x, axesButLast(x).slice(1)).mul(gamma).add(beta),
  kernel: (t) => groupKernel(t, t.x.shape.at(-1)),
};
