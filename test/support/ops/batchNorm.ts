import { norm, tf } from '../../../src';
import {
  AFFINE,
  choose,
  divisors,
  EPSILON,
  type EveryOp,
  type RawOp,
  withCentered,
  X,
} from '../opEntry';
import { batchPartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'batchNorm',
  op: (x, options) =>
    tf.tidy(() => {
      const { axis = -1 } = (options ?? {}) as { axis?: number };
      const channels = [x.shape.at(axis) ?? 0];
      const moving = { movingMean: tf.zeros(channels), movingVariance: tf.ones(channels) };
      return norm.ops.batchNorm(x, { ...moving, epsilon: EPSILON, ...options }).y;
    }),
  ...withCentered((shape, options = {}) => batchPartition(shape, options)),
  perSample: false,
  randomOptions: (shape, { channelAxis, choice }) => ({
    axis: channelAxis,
    ...(shape[0]! > 0 && choice > 0.5
      ? { virtualBatchSize: choose(divisors(shape[0]!), choice * 2 - 1) }
      : {}),
  }),
  otherCalls: [
    () =>
      tf.grad((x) =>
        norm.ops.batchNormInference(x, { mean: tf.zeros([6]), variance: tf.ones([6]) }),
      )(tf.ones([4, 6])),
  ],
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsBatchNorm',
    outputs: 4,
    inputs: { x: X, gamma: [6], beta: [6], moving_mean: [6], moving_variance: [6] },
    attributes: { ...AFFINE, axis: -1, update_rate: 0.25, unbiased: false, virtual_batch_size: 0 },
    defaults: {
      axis: -1,
      epsilon: 0.001,
      update_rate: 0.01,
      unbiased: 0,
      scale: 1,
      center: 1,
      virtual_batch_size: 0,
    },
  },
  {
    name: 'TfjsBatchNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 1, 6] },
    attributes: { ...AFFINE, axis: -1, virtual_batch_size: 0 },
  },
  {
    name: 'TfjsBatchNormInference',
    outputs: 1,
    inputs: { x: X, gamma: [6], beta: [6], mean: [6], variance: [6] },
    attributes: { ...AFFINE, axis: -1 },
    defaults: { axis: -1, epsilon: 0.001, scale: 1, center: 1 },
  },
  {
    name: 'TfjsBatchNormInferenceGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], mean: [6], variance: [6] },
    attributes: { ...AFFINE, axis: -1 },
  },
];
