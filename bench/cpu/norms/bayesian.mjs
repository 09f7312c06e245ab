// A learned random scale and offset, one for each channel.
export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.2, backward: 1.5 },
  againstBatch: 1.25,
  parameters: ['log_scale', 'rho_scale', 'bias', 'rho_bias'],
  tensors: (tf, shape) => ({
    log_scale: tf.zeros([shape.at(-1)]),
    rho_scale: tf.fill([shape.at(-1)], -2),
    bias: tf.zeros([shape.at(-1)]),
    rho_bias: tf.fill([shape.at(-1)], -2),
    seed: tf.tensor1d([42, 0, 0, 0, 0, 0, 0, 0]),
  }),
  ours:
    ({ ops }) =>
    (x, logScale, rhoScale, bias, rhoBias) =>
      ops.bayesianAffine(x, { logScale, rhoScale, bias, rhoBias, seed: 42 }),
  composed: (tf) => (x, logScale, rhoScale, bias, rhoBias) => {
    const noise = () => tf.randomNormal(bias.shape);
    const scale = logScale.add(rhoScale.exp().mul(noise())).exp();
    return x.mul(scale).add(bias.add(rhoBias.exp().mul(noise())));
  },
  kernel: ({ x, log_scale, rho_scale, bias, rho_bias, none, seed }) => ({
    op: 'TfjsBayesianAffine',
    inputs: { x, log_scale, rho_scale, bias, rho_bias, scale_noise: none, bias_noise: none, seed },
    outputs: ['y'],
    gradInputs: ['log_scale', 'rho_scale', 'rho_bias', 'scale_noise', 'bias_noise', 'seed'],
    attributes: { axis: x.rank - 1, per_sample: false, given: false },
  }),
};
