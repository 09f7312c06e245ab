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
    switchable: (x, gamma, beta) => {
      const positions = range(x.rank - 1).slice(1);
      const own = tf.moments(x, positions, true);
      const over = (axis) => {
        const mean = own.mean.mean(axis, true);
        return { mean, variance: own.variance.add(own.mean.sub(mean).square()).mean(axis, true) };
      };
      const sets = [own, over(x.rank - 1), over(0)];
      const mix = (of) => tf.addN(sets.map((set) => tf.mul(set[of], tf.onesLike(own.mean)))).div(3);
      return x.sub(mix('mean')).mul(mix('variance').add(1e-3).rsqrt()).mul(gamma).add(beta);
    },
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
