import { COMMON } from '../entry.mjs';

export default {
  shapes: ['image'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  parameters: ['v', 'gamma', 'beta'],
  tensors: (tf, shape) => ({ v: tf.ones([shape.at(-1)]) }),
  ours:
    ({ ops }, { groups }) =>
    (x, v, gamma, beta) =>
      ops.evoNormS0(x, { v, gamma, beta, groups }),
  composed:
    (tf, { groups }) =>
    (x, v, gamma, beta) => {
      const grouped = x.reshape([x.shape[0], -1, groups, x.shape.at(-1) / groups]);
      const { variance } = tf.moments(grouped, [1, 3], true);
      const gated = x.mul(x.mul(v).sigmoid()).reshape(grouped.shape);
      return gated.mul(variance.add(1e-5).rsqrt()).reshape(x.shape).mul(gamma).add(beta);
    },
  kernel: ({ x, v, gamma, beta, groups }) => ({
    op: 'TfjsEvoNormS0',
    inputs: { x, gamma, beta, v },
    outputs: ['y', 'moments'],
    gradInputs: ['gamma', 'v', 'moments'],
    attributes: { ...COMMON, axis: x.rank - 1, groups, epsilon: 1e-5, nonlinearity: true },
  }),
};
