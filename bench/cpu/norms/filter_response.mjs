import { axesButLast } from '../entry.mjs';

export default {
  shapes: ['image'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  tensors: (tf, shape) => ({ tau: tf.zeros([shape.at(-1)]) }),
  parameters: ['gamma', 'beta', 'tau'],
  ours:
    ({ ops }) =>
    (x, gamma, beta, tau) =>
      ops.filterResponseNorm(x, { gamma, beta, tau }),
  composed: (tf) => (x, gamma, beta, tau) => {
    const square = x.square().mean(axesButLast(x).slice(1), true);
    const z = x.mul(square.add(1e-6).rsqrt()).mul(gamma).add(beta);
    return tf.maximum(z, tf.broadcastTo(tau, x.shape));
  },
  kernel: ({ x, gamma, beta, tau, none }) => {
    const own = { tau, learned_epsilon: none };
    return {
      op: 'TfjsFilterResponseNorm',
      inputs: { x, gamma, beta, ...own },
      outputs: ['y', 'responses'],
      gradInputs: ['gamma', 'tau', 'learned_epsilon', 'responses'],
      attributes: {
        axis: x.rank - 1,
        epsilon: 1e-6,
        tlu: true,
        learn_epsilon: false,
        scale: true,
        center: true,
      },
    };
  },
};
