import { norm, type RenormClipping, tf } from '../../../src';
import { AFFINE, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { batchPartition } from '../reference';
import { renormalized } from '../renormReference';

/** Both corrections, but no shift: a batch of equal values gives beta. */
const CLIPPING: RenormClipping = { rmax: 1.5, rmin: 0.75, dmax: 0 };

export const everyOp: EveryOp = {
  name: 'batchRenorm',
  op: (x, options) =>
    tf.tidy(() => {
      const { axis = -1 } = (options ?? {}) as { axis?: number };
      const channels = [x.shape.at(axis) ?? 0];
      const state = { renormMean: tf.zeros(channels), renormStddev: tf.ones(channels) };
      const common = { epsilon: EPSILON, renormClipping: CLIPPING };
      return norm.ops.batchRenorm(x, { ...state, ...common, ...options }).y;
    }),
  partition: (shape, options = {}) => batchPartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) =>
    renormalized(x, batchPartition(shape, options), parameters, {
      epsilon: EPSILON,
      renormClipping: CLIPPING,
      ...options,
    }),
  perSample: false,
  randomOptions: (_shape, { channelAxis, choice }) => ({
    axis: channelAxis,
    ...(choice > 0.5 ? { renormClipping: { rmax: 1.25, rmin: 0.5, dmax: 4 * choice } } : {}),
  }),
};

const attributes = { ...AFFINE, axis: -1 };
const C = [6];

export const rawOps: RawOp[] = [
  {
    name: 'TfjsBatchRenorm',
    outputs: 7,
    inputs: {
      x: X,
      gamma: C,
      beta: C,
      moving_mean: C,
      moving_stddev: C,
      renorm_mean: C,
      renorm_stddev: C,
      clipping: [3],
    },
    attributes: { ...attributes, update_rate: 0.25, renorm_update_rate: 0.5 },
    defaults: {
      axis: -1,
      epsilon: 0.001,
      update_rate: 0.01,
      renorm_update_rate: 0.01,
      scale: 1,
      center: 1,
    },
    wrong: { renorm_update_rate: [-0.5, 1.5] },
  },
  {
    name: 'TfjsBatchRenormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: C, moments: [3, 1, 6], corrections: [2, 6] },
    attributes,
  },
];
