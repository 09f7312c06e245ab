import { axesButLast, COMMON, standardize } from '../entry.mjs';

/** Mixtures, as the layer has them. */
const K = 10;

export default {
  shapes: ['image'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  tensors: (tf, shape) => {
    const matrix = [K, shape.at(-1)];
    return {
      gamma: tf.randomNormal(matrix, 1, 0.1, 'float32', 3),
      beta: tf.randomNormal(matrix, 0, 0.1, 'float32', 4),
      kernel: tf.randomNormal(matrix, 0, (2 / K) ** 0.5, 'float32', 7),
      ones: tf.ones([K]),
      zeros: tf.zeros([K]),
    };
  },
  parameters: ['gamma', 'beta', 'kernel'],
  ours:
    ({ ops }, { mean, variance, ones, zeros }) =>
    (x, gamma, beta, attentionKernel) =>
      ops.attentiveNorm(x, {
        gamma,
        beta,
        attentionKernel,
        attentionGamma: ones,
        attentionBeta: zeros,
        movingMean: mean,
        movingVariance: variance,
        attentionMovingMean: zeros,
        attentionMovingVariance: ones,
      }).y,
  composed: (tf) => (x, gamma, beta, kernel) => {
    const axes = axesButLast(x);
    const own = tf.moments(x, axes.slice(1));
    const squeezed = own.mean.mul(own.variance.add(1e-3).rsqrt());
    const logits = standardize(tf, squeezed.matMul(kernel, false, true), [0]);
    const weights = logits.add(3).div(6).clipByValue(0, 1);
    const shape = [x.shape[0], ...axes.slice(1).map(() => 1), x.shape.at(-1)];
    const mix = (of) => weights.matMul(of).reshape(shape);
    return standardize(tf, x, axes).mul(mix(gamma)).add(mix(beta));
  },
  kernel: ({ x, gamma, beta, kernel, mean, variance, ones, zeros, none }) => {
    const rest = {
      gamma,
      beta,
      attention_kernel: kernel,
      attention_bias: none,
      attention_gamma: ones,
      attention_beta: zeros,
      moving_mean: mean,
      moving_variance: variance,
      attention_moving_mean: zeros,
      attention_moving_variance: ones,
    };
    return {
      op: 'TfjsAttentiveNorm',
      inputs: { x, ...rest },
      outputs: [
        'y',
        'new_moving_mean',
        'new_moving_variance',
        'new_attention_moving_mean',
        'new_attention_moving_variance',
        'attention',
        'moments',
      ],
      gradInputs: [...Object.keys(rest), 'moments'],
      attributes: {
        ...COMMON,
        axis: x.rank - 1,
        training: true,
        batch_backbone: true,
        groups: 1,
        squeeze: 0,
        squeeze_epsilon: 1e-3,
        unbiased_squeeze_variance: true,
        use_attention_bias: false,
        attention_norm: 1,
        attention_activation: 0,
      },
      forwardOnly: { update_rate: 0.1, unbiased: true },
    };
  },
};
