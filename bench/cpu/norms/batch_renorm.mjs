import { axesButLast, COMMON } from '../entry.mjs';

const CLIPPING = { rmax: 3, rmin: 1 / 3, dmax: 5 };

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.9, backward: 3 },
  againstBatch: 1.25,
  tensors: (tf) => ({ clipping: tf.tensor1d([CLIPPING.rmax, CLIPPING.rmin, CLIPPING.dmax]) }),
  ours:
    ({ ops }, { mean, variance }) =>
    (x, gamma, beta) =>
      ops.batchRenorm(x, {
        gamma,
        beta,
        renormMean: mean,
        renormStddev: variance,
        renormClipping: CLIPPING,
      }).y,
  composed: (tf, { mean, variance, clipping }) => {
    // r and d are constants to the gradient.
    const correct = tf.customGrad((own) => ({ value: own, gradFunc: (dy) => dy.zerosLike() }));
    return (x, gamma, beta) => {
      const [rmax, rmin, dmax] = clipping.unstack();
      const own = tf.moments(x, axesButLast(x), true);
      const stddev = own.variance.add(1e-3).sqrt();
      const r = correct(stddev.div(variance).minimum(rmax).maximum(rmin));
      const d = correct(own.mean.sub(mean).div(variance).minimum(dmax).maximum(dmax.neg()));
      return x.sub(own.mean).div(stddev).mul(r).add(d).mul(gamma).add(beta);
    };
  },
  kernel: ({ x, gamma, beta, mean, variance, clipping }) => ({
    op: 'TfjsBatchRenorm',
    inputs: {
      x,
      gamma,
      beta,
      moving_mean: mean,
      moving_stddev: variance,
      renorm_mean: mean,
      renorm_stddev: variance,
      clipping,
    },
    outputs: [
      'y',
      'new_moving_mean',
      'new_moving_stddev',
      'new_renorm_mean',
      'new_renorm_stddev',
      'corrections',
      'moments',
    ],
    gradInputs: ['gamma', 'moments', 'corrections'],
    attributes: { axis: x.rank - 1, ...COMMON },
    forwardOnly: { update_rate: 0.01, renorm_update_rate: 0.01 },
  }),
};
