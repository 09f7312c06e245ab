import { COMMON } from '../entry.mjs';

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.1, backward: 1.7 },
  parameters: ['gamma'],
  ours:
    ({ ops }) =>
    (x, gamma) =>
      ops.rmsNorm(x, { gamma }),
  composed: () => (x, gamma) => x.mul(x.square().mean(-1, true).add(1e-6).rsqrt()).mul(gamma),
  kernel: ({ x, gamma, none }) => ({
    op: 'TfjsRmsNorm',
    inputs: { x, gamma, beta: none },
    outputs: ['y', 'mean_square'],
    gradInputs: ['gamma', 'mean_square'],
    attributes: {
      ...COMMON,
      begin_axis: x.rank - 1,
      epsilon: 1e-6,
      epsilon_inside: true,
      partial: 0,
      center: false,
    },
  }),
};
