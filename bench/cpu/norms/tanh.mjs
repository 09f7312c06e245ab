export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.1, backward: 1.7 },
  againstBatch: 1.25,
  parameters: ['alpha', 'gamma', 'beta'],
  tensors: (tf) => ({ alpha: tf.tensor1d([0.5]) }),
  ours:
    ({ ops }) =>
    (x, alpha, gamma, beta) =>
      ops.dynamicTanh(x, { alpha, gamma, beta }),
  composed: () => (x, alpha, gamma, beta) => x.mul(alpha).tanh().mul(gamma).add(beta),
  kernel: ({ x, alpha, gamma, beta }) => ({
    op: 'TfjsDynamicTanh',
    inputs: { x, alpha, gamma, beta },
    outputs: ['y'],
    gradInputs: ['alpha', 'gamma'],
    attributes: { begin_axis: x.rank - 1, axes: 1, scale: true, center: true },
  }),
};
