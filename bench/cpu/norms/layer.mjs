import { COMMON, standardize } from '../entry.mjs';

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.1, backward: 1.7 },
  ours:
    ({ ops }) =>
    (x, gamma, beta) =>
      ops.layerNorm(x, { gamma, beta }),
  composed: (tf) => (x, gamma, beta) =>
    standardize(tf, x, [x.rank - 1])
      .mul(gamma)
      .add(beta),
  kernel: ({ x, gamma, beta }) => ({
    op: 'TfjsLayerNorm',
    inputs: { x, gamma, beta },
    outputs: ['y', 'moments'],
    gradInputs: ['gamma', 'moments'],
    attributes: { begin_axis: x.rank - 1, ...COMMON },
  }),
};
