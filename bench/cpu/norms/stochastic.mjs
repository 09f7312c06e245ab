// The noise of batch norm, one for each channel.
const N = 32;

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.2, backward: 1.5 },
  againstBatch: 1.25,
  tensors: (tf) => ({ seed: tf.tensor1d([42, 0, 0, 0, 0, 0, 0, 0]) }),
  ours:
    ({ ops }) =>
    (x, gamma, beta) =>
      ops.stochasticAffine(x, { gamma, beta, effectiveN: N, seed: 42 }),
  composed: (tf) => (x, gamma, beta) => {
    const channels = [x.shape.at(-1)];
    const u = tf.randomNormal(channels, 0, N ** -0.5);
    const v = tf
      .randomGamma(channels, (N - 1) / 2, 1)
      .mul(2 / N)
      .rsqrt();
    return x.sub(u).mul(gamma.mul(v)).add(beta);
  },
  kernel: ({ x, gamma, beta, none, seed }) => ({
    op: 'TfjsStochasticAffine',
    inputs: { x, gamma, beta, u: none, v: none, seed },
    outputs: ['y'],
    gradInputs: ['gamma', 'u', 'v', 'seed'],
    attributes: {
      axis: x.rank - 1,
      per_sample: false,
      given: false,
      effective_n: N,
      scale: true,
      center: true,
    },
  }),
};
