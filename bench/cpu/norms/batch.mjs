import { axesButLast, COMMON, standardize } from '../entry.mjs';

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.5, backward: 2.4 },
  ours:
    ({ ops }, { mean, variance }) =>
    (x, gamma, beta) =>
      ops.batchNorm(x, { gamma, beta, movingMean: mean, movingVariance: variance }).y,
  composed: (tf) => (x, gamma, beta) => standardize(tf, x, axesButLast(x)).mul(gamma).add(beta),
  kernel: ({ x, gamma, beta, mean, variance }) => ({
    op: 'TfjsBatchNorm',
    inputs: { x, gamma, beta, moving_mean: mean, moving_variance: variance },
    outputs: ['y', 'new_moving_mean', 'new_moving_variance', 'moments'],
    gradInputs: ['gamma', 'moments'],
    attributes: { axis: x.rank - 1, virtual_batch_size: 0, ...COMMON },
    forwardOnly: { update_rate: 0.01, unbiased: false },
  }),
};
