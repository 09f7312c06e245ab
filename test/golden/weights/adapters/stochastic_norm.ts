import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../../src';
import { batchNoiseOf } from '../../../../src/core/batchNoise';
import { bayesianKLOf } from '../../../../src/core/bayesianKL';
import type { WeightAdapters } from '../../../support/goldenWeights';

/** Numbers of [N, 1, .., C] as [N, C]. */
const ofPairs = (noise: Tensor): Tensor =>
  noise.rank > 2 ? tf.reshape(noise, [noise.shape[0]!, noise.shape.at(-1)!]) : noise;

export const ops: WeightAdapters = {
  // Batch statistics as noise on what the true ones have standardized.
  BnNoiseDecomposition: ({ x, mu, sigma }) => {
    const { mean, variance } = tf.moments(x!, [...x!.shape.keys()].slice(0, -1));
    const U = tf.div(tf.sub(mean, mu!), sigma!);
    const V = tf.div(sigma!, tf.sqrt(variance));
    const standardized = tf.div(tf.sub(x!, mu!), sigma!);
    return { U, V, y: norm.ops.stochasticAffine(standardized, { u: U, v: V }) };
  },
  StochasticAffine: ({ x, gamma, beta, U, V }, { attrs: { granularity } }) => ({
    y: norm.ops.stochasticAffine(x!, { gamma, beta, u: ofPairs(U!), v: ofPairs(V!), granularity }),
  }),
  BayesianAffine: (inputs, { attrs: { granularity } }) => {
    const { x, logScale, rhoScale, bias, rhoBias, epsScale, epsBias } = inputs;
    return {
      y: norm.ops.bayesianAffine(x!, {
        logScale: logScale!,
        rhoScale: rhoScale!,
        bias: bias!,
        rhoBias: rhoBias!,
        scaleNoise: ofPairs(epsScale!),
        biasNoise: ofPairs(epsBias!),
        granularity,
      }),
    };
  },
  BayesianAffineKL: ({ logScale, rhoScale, bias, rhoBias }, { attrs }) => {
    const scale = { mean: logScale!, rho: rhoScale! };
    const divergence = bayesianKLOf(scale, { mean: bias!, rho: rhoBias! }, attrs as never);
    // With the flat prior it does not depend on the means, whose gradient the file has as 0.
    const nothing = tf.mul(tf.sum(tf.add(logScale!, bias!)), 0);
    return { y: tf.add(divergence, nothing) };
  },
  ProjectNorm: ({ kernel }, { attrs: { norm: length, axes: axis } }) => ({
    y: norm.constraints.projectNorm({ norm: length, axis }).apply(kernel!),
  }),
  GaussianReluMoments: ({ mean, std }) => {
    const result = norm.ops.gaussianReluMoments(mean!, std!);
    return { outMean: result.mean, outVar: result.variance };
  },
  AnalyticNormConv2D: ({ x, kernel, inMean, inVar, scale, bias }, { attrs }) => ({
    y: norm.ops.analyticNormConv2d(x as never, kernel as never, {
      inputMean: inMean!,
      inputVariance: inVar!,
      scale,
      bias,
      ...attrs,
    }),
  }),
  BatchNoiseFromNormals: (_, { attrs: { n }, inputs }) => {
    const [z1, z2] = [inputs.z1!.data, inputs.z2!.data];
    const noise = Array.from(z1, (z, i) => batchNoiseOf(n, [z, z2[i]!]));
    return {
      U: tf.tensor1d(noise.map(([u]) => u)),
      V: tf.tensor1d(noise.map(([, v]) => v)),
    };
  },
};
