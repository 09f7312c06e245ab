import { norm, tf } from '../../../src';
import { online } from '../onlineReference';
import { choose, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { instancePartition } from '../reference';

/** What the running mean starts from, in every channel. */
interface Start {
  start?: number;
}

export const everyOp: EveryOp = {
  name: 'onlineNorm',
  op: (x, options) =>
    tf.tidy(() => {
      const { axis = -1, start = 0, ...rest } = (options ?? {}) as { axis?: number } & Start;
      const channels = [x.shape.at(axis) ?? 0];
      return norm.ops.onlineNorm(x, {
        movingMean: tf.fill(channels, start),
        movingVariance: tf.ones(channels),
        epsilon: EPSILON,
        axis,
        ...rest,
      }).y;
    }),
  partition: (shape, options = {}) => instancePartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) => {
    const partition = instancePartition(shape, options);
    const mean = new Float64Array(shape.at((options.axis as number) ?? -1)!);
    const settings = { epsilon: EPSILON, ...options };
    mean.fill((options as Start).start ?? 0);
    return online(x, partition, parameters, settings, { mean });
  },
  perSample: false,
  keepsMean: true,
  randomOptions: (shape, { channelAxis, pick, choice, mean }) =>
    shape[channelAxis] === 0
      ? undefined
      : {
          axis: channelAxis,
          errorCompensation: choose(['clamp', 'layerScaling', 'none'], choice),
          clampValue: pick < 0.5 ? 1.5 : 5,
          alphaForward: pick < 0.3 ? 0.9 : 0.999,
          // Near the data: the control process may leave float32 while statistics are far from it.
          start: mean,
        },
  // Clamped, a backward needs the output again.
  launches: { forward: 3, backward: 4 },
  perPair: 24,
};

const attributes = {
  axis: -1,
  training: true,
  error_compensation: 1,
  clamp_value: 1.5,
  scaling_epsilon: 1e-3,
  scale: true,
  center: true,
};
const defaults = {
  axis: -1,
  training: 1,
  error_compensation: 1,
  clamp_value: 5,
  scaling_epsilon: 1e-5,
  scale: 1,
  center: 1,
};
const wrong = {
  error_compensation: [-1, 3],
  clamp_value: [0, -1, Number.NaN, Number.POSITIVE_INFINITY],
  scaling_epsilon: [0, -1, Number.NaN, Number.POSITIVE_INFINITY],
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsOnlineNorm',
    outputs: 4,
    inputs: { x: X, gamma: [6], beta: [6], moving_mean: [6], moving_variance: [6] },
    attributes: { ...attributes, epsilon: 1e-3, update_rate: 0.25 },
    defaults: { ...defaults, epsilon: 1e-5, update_rate: 0.001 },
    wrong,
  },
  {
    name: 'TfjsOnlineNormGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], beta: [6], u: [6], v: [6], moments: [5, 4, 6] },
    attributes: { ...attributes, control_rate: 0.25 },
    own: ['control_rate'],
    defaults: { ...defaults, control_rate: 0.01 },
    wrong: { ...wrong, control_rate: [-0.1, 1.1, Number.NaN] },
  },
];
