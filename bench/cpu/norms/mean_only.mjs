import { axesButLast } from '../entry.mjs';

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.5, backward: 2.4 },
  againstBatch: 1.25,
  parameters: ['beta'],
  ours:
    ({ ops }, { mean }) =>
    (x, beta) =>
      ops.meanOnlyBatchNorm(x, { beta, movingMean: mean }).y,
  composed: () => (x, beta) => x.sub(x.mean(axesButLast(x), true)).add(beta),
  kernel: ({ x, beta, mean }) => ({
    op: 'TfjsMeanOnlyBatchNorm',
    inputs: { x, beta, moving_mean: mean },
    outputs: ['y', 'new_moving_mean', 'moments'],
    gradInputs: ['moments'],
    attributes: { axis: x.rank - 1, center: true },
    forwardOnly: { update_rate: 0.1 },
  }),
};
