import { axesButLast, COMMON } from '../entry.mjs';

export default {
  shapes: ['image'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  tensors: (tf) => ({ logits: tf.ones([3]) }),
  ours:
    ({ ops }, { mean, variance, logits }) =>
    (x, gamma, beta) =>
      ops.switchableNorm(x, {
        gamma,
        beta,
        meanLogits: logits,
        varianceLogits: logits,
        movingMean: mean,
        movingVariance: variance,
      }).y,
  composed: (tf) => (x, gamma, beta) => {
    const own = tf.moments(x, axesButLast(x).slice(1), true);
    const over = (axis) => {
      const mean = own.mean.mean(axis, true);
      return { mean, variance: own.variance.add(own.mean.sub(mean).square()).mean(axis, true) };
    };
    const sets = [own, over(x.rank - 1), over(0)];
    const mix = (of) => tf.addN(sets.map((set) => tf.mul(set[of], tf.onesLike(own.mean)))).div(3);
    return x.sub(mix('mean')).mul(mix('variance').add(1e-3).rsqrt()).mul(gamma).add(beta);
  },
  kernel: ({ x, gamma, beta, mean, variance, logits }) => {
    const state = {
      mean_logits: logits,
      variance_logits: logits,
      moving_mean: mean,
      moving_variance: variance,
    };
    return {
      op: 'TfjsSwitchableNorm',
      inputs: { x, gamma, beta, ...state },
      outputs: ['y', 'new_moving_mean', 'new_moving_variance', 'moments'],
      gradInputs: ['gamma', ...Object.keys(state), 'moments'],
      attributes: {
        ...COMMON,
        axis: x.rank - 1,
        training: true,
        use_batch: true,
        unbiased_spatial_variance: false,
      },
      forwardOnly: { update_rate: 0.1 },
    };
  },
};
