import { norm, tf } from '../../../src';
import { AFFINE, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { instancePartition } from '../reference';
import { switchable } from '../switchableReference';

export const everyOp: EveryOp = {
  name: 'switchableNorm',
  op: (x, options) =>
    tf.tidy(() => {
      const { axis = -1 } = (options ?? {}) as { axis?: number };
      const channels = [x.shape.at(axis) ?? 0];
      const moving = { movingMean: tf.zeros(channels), movingVariance: tf.ones(channels) };
      const logits = { meanLogits: tf.ones([3]), varianceLogits: tf.ones([3]) };
      return norm.ops.switchableNorm(x, { ...moving, ...logits, epsilon: EPSILON, ...options }).y;
    }),
  partition: (shape, options = {}) => instancePartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) => {
    const logits = { mean: new Float64Array(3), variance: new Float64Array(3) };
    const settings = { epsilon: EPSILON, ...options };
    return switchable(x, instancePartition(shape, options), parameters, logits, settings);
  },
  perSample: false,
  mixed: true,
  oneValue: { shape: [1, 1] },
  randomOptions: (shape, { channelAxis, choice }) =>
    shape[channelAxis] === 0
      ? undefined
      : { axis: channelAxis, unbiasedSpatialVariance: choice > 0.5 },
  // Samples and channels are merged one after the other.
  launches: { forward: 4, backward: 6 },
};

const attributes = {
  ...AFFINE,
  axis: -1,
  training: true,
  use_batch: true,
  unbiased_spatial_variance: false,
};
const state = {
  mean_logits: [3],
  variance_logits: [3],
  moving_mean: [6],
  moving_variance: [6],
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsSwitchableNorm',
    outputs: 4,
    inputs: { x: X, gamma: [6], beta: [6], ...state },
    attributes: { ...attributes, update_rate: 0.25 },
    defaults: {
      axis: -1,
      epsilon: 1e-5,
      training: 1,
      use_batch: 1,
      unbiased_spatial_variance: 0,
      update_rate: 0.1,
      scale: 1,
      center: 1,
    },
  },
  {
    name: 'TfjsSwitchableNormGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], ...state, moments: [3, 4, 6] },
    attributes,
  },
];
