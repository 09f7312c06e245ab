import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { attentive } from '../attentiveReference';
import { choose, divisors, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { instancePartition } from '../reference';

// Two mixtures that see opposite halves of the channels. Sigmoids have no corners, and are 1/2 exactly where the
// attention sees nothing, so that equal mixtures add up to gamma and beta.
const K = 2;
const kernelOf = (channels: number) =>
  Float64Array.from({ length: K * channels }, (_, i) => {
    const [k, c] = [Math.floor(i / channels), i % channels];
    return k === c % 2 ? Math.fround(0.5 / Math.sqrt(channels)) : 0;
  });
const twice = (of?: Tensor) => of && tf.tile(tf.reshape(of, [1, -1]), [K, 1]);
const settings = {
  epsilon: EPSILON,
  attentionNorm: 'none' as const,
  attentionActivation: 'sigmoid' as const,
};

export const everyOp: EveryOp = {
  name: 'attentiveNorm',
  op: (x, options) =>
    tf.tidy(() => {
      const { gamma, beta, ...given } = { ...options } as Record<string, Tensor>;
      const { axis = -1 } = (options ?? {}) as { axis?: number };
      const channels = x.shape.at(axis) ?? 0;
      const { attentionNorm } = (options ?? {}) as { attentionNorm?: string };
      const logits =
        attentionNorm === 'batch'
          ? { attentionMovingMean: tf.zeros([K]), attentionMovingVariance: tf.ones([K]) }
          : {};
      return norm.ops.attentiveNorm(x, {
        ...settings,
        ...logits,
        movingMean: tf.zeros([channels]),
        movingVariance: tf.ones([channels]),
        attentionKernel: tf.tensor2d(Float32Array.from(kernelOf(channels)), [K, channels]),
        // Without parameters there would be nothing for the attention to do.
        gamma: twice(gamma) ?? tf.ones([K, channels]),
        beta: twice(beta),
        ...given,
      }).y;
    }),
  partition: (shape, options = {}) => instancePartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) => {
    const partition = instancePartition(shape, options);
    const channels = partition.parameterShape[0]!;
    const mixed = (of: Float64Array) => Float64Array.from([...of, ...of]);
    const result = attentive(
      x,
      partition,
      {
        kernel: kernelOf(channels),
        gamma: mixed(parameters.gamma?.data ?? new Float64Array(channels).fill(1)),
        beta: parameters.beta && mixed(parameters.beta.data),
      },
      { ...settings, ...options, k: K },
    );
    const added = (of: Float64Array) =>
      new Float64Array(channels).map((_, c) => of[c]! + of[channels + c]!);
    return {
      y: result.y,
      gradients: (dy: Float64Array) => {
        const grads = result.gradients(dy);
        return { x: grads.x, gamma: added(grads.gamma), beta: added(grads.beta) };
      },
    };
  },
  perSample: false,
  mixed: true,
  // Over one sample, batch norm of the logits leaves nothing for the attention to see.
  oneValue: { options: { attentionNorm: 'batch' } },
  randomOptions: (shape, { channelAxis, pick, choice }) =>
    shape[channelAxis] === 0
      ? undefined
      : {
          axis: channelAxis,
          unbiasedSqueezeVariance: pick > 0.5,
          ...(choice > 0.5
            ? { backbone: 'group', groups: choose(divisors(shape[channelAxis]!), choice * 2 - 1) }
            : {}),
        },
  // Logits, attention and coefficients are one after the other.
  launches: { forward: 5, backward: 6 },
};

const attributes = {
  axis: -1,
  epsilon: 1e-3,
  training: true,
  batch_backbone: false,
  groups: 3,
  squeeze: 0,
  squeeze_epsilon: 1e-3,
  unbiased_squeeze_variance: true,
  use_attention_bias: true,
  attention_norm: 1,
  attention_activation: 0,
  scale: true,
  center: true,
};
const needed = { use_attention_bias: true, batch_backbone: false, groups: 3 };
const wrong = {
  squeeze: [-1, 2],
  squeeze_epsilon: [0, -1, Number.NaN],
  attention_norm: [-1, 3],
  attention_activation: [-1, 3],
};
const parameters = {
  gamma: [5, 6],
  beta: [5, 6],
  attention_kernel: [5, 6],
  attention_bias: [5],
  attention_gamma: [5],
  attention_beta: [5],
  moving_mean: [0],
  moving_variance: [0],
  attention_moving_mean: [5],
  attention_moving_variance: [5],
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsAttentiveNorm',
    outputs: 7,
    inputs: { x: X, ...parameters },
    attributes: { ...attributes, update_rate: 0.25, unbiased: true },
    needed,
    defaults: {
      axis: -1,
      epsilon: 1e-5,
      training: 1,
      batch_backbone: 1,
      groups: 32,
      squeeze: 0,
      squeeze_epsilon: 1e-3,
      unbiased_squeeze_variance: 1,
      use_attention_bias: 0,
      attention_norm: 1,
      attention_activation: 0,
      update_rate: 0.1,
      unbiased: 1,
      scale: 1,
      center: 1,
    },
    wrong,
  },
  {
    name: 'TfjsAttentiveNormGrad',
    outputs: 7,
    inputs: { dy: X, x: X, ...parameters, moments: [3, 4, 6] },
    attributes,
    needed,
    wrong,
  },
];
