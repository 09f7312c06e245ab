// Batch norm with given statistics.
export default {
  shapes: ['image'],
  target: { forward: 0.9 },
  ours:
    ({ ops }, { mean, variance }) =>
    (x, gamma, beta) =>
      ops.batchNormInference(x, { gamma, beta, mean, variance }),
  composed:
    (tf, { mean, variance }) =>
    (x, gamma, beta) =>
      tf.batchNorm(x, mean, variance, beta, gamma, 1e-3),
};
