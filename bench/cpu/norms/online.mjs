const EPSILON = 1e-5;
const RATE = 1e-3;

// The gradient of tfjs's split fails on one part.
const samplesOf = (tf, x) => (x.shape[0] === 1 ? [x] : tf.split(x, x.shape[0]));

/** Sample after sample: each needs the statistics that the ones before it left. */
const composed = (tf, { mean, variance }) => {
  return (x, gamma, beta) => {
    const positions = Array.from({ length: x.rank - 2 }, (_, i) => i + 1);
    let [mu, spread] = [mean, variance];
    const ys = samplesOf(tf, x).map((sample) => {
      const y = sample.sub(mu).div(spread.add(EPSILON).sqrt());
      const own = tf.moments(sample, positions);
      const d = own.mean.reshape(mu.shape).sub(mu);
      spread = spread
        .mul(1 - RATE)
        .add(own.variance.reshape(mu.shape).mul(RATE))
        .add(d.square().mul(RATE * (1 - RATE)));
      mu = mu.add(d.mul(RATE));
      return y;
    });
    return tf.concat(ys).mul(gamma).add(beta).clipByValue(-5, 5);
  };
};

const sampleBySample = (tf, { mean, variance }, { ops }) => {
  return (x, gamma, beta) => {
    let moving = { movingMean: mean, movingVariance: variance };
    const ys = samplesOf(tf, x).map((sample) => {
      const { y, ...next } = ops.onlineNorm(sample, { gamma, beta, ...moving });
      moving = next;
      return y;
    });
    return tf.concat(ys);
  };
};

export default {
  shapes: ['image'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  ours:
    ({ ops }, { mean, variance }) =>
    (x, gamma, beta) =>
      ops.onlineNorm(x, { gamma, beta, movingMean: mean, movingVariance: variance }).y,
  composed,
  loops: [
    { what: 'our op, sample by sample', target: 5, run: sampleBySample },
    { what: 'tfjs ops, sample by sample', target: 5, run: composed },
  ],
  kernel: ({ x, gamma, beta, mean, variance }) => ({
    op: 'TfjsOnlineNorm',
    inputs: { x, gamma, beta, moving_mean: mean, moving_variance: variance, u: mean, v: mean },
    outputs: ['y', 'new_moving_mean', 'new_moving_variance', 'moments'],
    gradInputs: ['gamma', 'beta', 'u', 'v', 'moments'],
    attributes: {
      axis: x.rank - 1,
      training: true,
      error_compensation: 1,
      clamp_value: 5,
      scaling_epsilon: 1e-5,
      control_rate: 0.01,
      scale: true,
      center: true,
    },
    forwardOnly: { epsilon: EPSILON, update_rate: RATE },
  }),
};
