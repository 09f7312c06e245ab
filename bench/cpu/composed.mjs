// The norms as tfjs users write them today, from plain tfjs ops: what our ops replace.

export function composedNorms(tf) {
  const standardize = (x, axes, epsilon) => {
    const { mean, variance } = tf.moments(x, axes, true);
    return x.sub(mean).mul(variance.add(epsilon).rsqrt());
  };
  return {
    batch: (x, gamma, beta) =>
      standardize(x, range(x.rank - 1), 1e-3)
        .mul(gamma)
        .add(beta),
    group: (x, gamma, beta, groups) => {
      const channels = x.shape.at(-1);
      const grouped = x.reshape([x.shape[0], -1, groups, channels / groups]);
      return standardize(grouped, [1, 3], 1e-3).reshape(x.shape).mul(gamma).add(beta);
    },
    instance: (x, gamma, beta) =>
      standardize(x, range(x.rank - 1).slice(1), 1e-3)
        .mul(gamma)
        .add(beta),
    layer: (x, gamma, beta) =>
      standardize(x, [x.rank - 1], 1e-3)
        .mul(gamma)
        .add(beta),
    rms: (x, gamma) => x.mul(x.square().mean(-1, true).add(1e-6).rsqrt()).mul(gamma),
    inference: (x, gamma, beta, _groups, mean, variance) =>
      tf.batchNorm(x, mean, variance, beta, gamma, 1e-3),
  };
}

const range = (count) => Array.from({ length: count }, (_, i) => i);
