import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { meanOnly } from '../meanOnlyReference';
import { type EveryOp, type RawOp, X } from '../opEntry';
import { batchPartition, type Options } from '../reference';

type Given = Options & { gamma?: Tensor; beta?: Tensor; axis?: number };

const partition = (shape: readonly number[], { axis }: Options = {}) =>
  batchPartition(shape, { axis });

export const everyOp: EveryOp = {
  name: 'meanOnlyBatchNorm',
  // It has no gamma: where there is one, it scales what the op gives.
  op: (x, given) =>
    tf.tidy(() => {
      const { gamma, beta, ...options } = (given ?? {}) as Given;
      // For all tests that ask every op for an epsilon that it understands or reads.
      const { epsilon: _, axis = -1, ...others } = options;
      const movingMean = tf.zeros([x.shape?.at(axis) ?? 0]);
      const run = (offset?: Tensor) =>
        norm.ops.meanOnlyBatchNorm(x, { movingMean, axis, ...others, beta: offset }).y;
      if (!gamma) return run(beta);
      const channel = (axis + x.rank) % x.rank;
      const along = (parameter: Tensor): Tensor =>
        channel === x.rank - 1
          ? parameter
          : tf.reshape(
              parameter,
              x.shape.map((extent, i) => (i === channel ? extent : 1)),
            );
      const scaled = tf.mul(run(), along(gamma));
      return beta ? tf.add(scaled, along(beta)) : scaled;
    }),
  partition,
  reference: (x, shape, options = {}, parameters = {}) =>
    meanOnly(x, partition(shape, options), parameters),
  perSample: false,
  unscaled: true,
  // The gradients of tfjs's own broadcasts fail for empty tensors.
  randomOptions: (shape, { channelAxis }) => (shape.includes(0) ? {} : { axis: channelAxis }),
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsMeanOnlyBatchNorm',
    outputs: 3,
    inputs: { x: X, beta: [6], moving_mean: [6] },
    attributes: { axis: -1, center: true, update_rate: 0.1 },
    defaults: { axis: -1, center: 1, update_rate: 0.1 },
  },
  {
    name: 'TfjsMeanOnlyBatchNormGrad',
    outputs: 2,
    inputs: { dy: X, x: X, moments: [3, 1, 6] },
    attributes: { axis: -1, center: true },
  },
];
