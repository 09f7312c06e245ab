import { axesButLast, COMMON } from '../entry.mjs';

export default {
  shapes: ['image'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  ours:
    ({ ops }) =>
    (x, gamma, beta) =>
      ops.globalResponseNorm(x, { gamma, beta }),
  composed: () => (x, gamma, beta) => {
    const g = x.square().sum(axesButLast(x).slice(1), true).sqrt();
    const n = g.div(g.mean(-1, true).add(1e-6));
    return x.mul(n).mul(gamma).add(beta).add(x);
  },
  kernel: ({ x, gamma, beta }) => ({
    op: 'TfjsGlobalResponseNorm',
    inputs: { x, gamma, beta },
    outputs: ['y', 'responses'],
    gradInputs: ['gamma', 'responses'],
    attributes: { ...COMMON, axis: x.rank - 1, epsilon: 1e-6 },
  }),
};
