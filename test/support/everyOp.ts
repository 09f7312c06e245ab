/** The ops behind one signature, for tests that ask the same of all: six channels, no parameters unless given. */

import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import {
  axesPartition,
  batchPartition,
  centered,
  type Gradients,
  groupPartition,
  instancePartition,
  type Options,
  type Parameters,
  type Partition,
  rootMeanSquare,
} from './reference';
import { switchable } from './switchableReference';

export interface EveryOp {
  name: string;
  op(x: Tensor, options?: object): Tensor;
  /** Which elements share a statistic and which a parameter. */
  partition(shape: readonly number[], options?: Options): Partition;
  /** The float64 definition of y and of the gradients. */
  reference(
    x: Float64Array,
    shape: readonly number[],
    options?: Options,
    parameters?: Parameters,
  ): { y: Float64Array; gradients(dy: Float64Array): Gradients };
  /** Whether statistics are those of one sample alone. */
  perSample: boolean;
  /** Whether a sample and a channel have statistics that the other ones do not enter. */
  mixed?: boolean;
}

const EPSILON = 1e-3;

const withCentered = (
  partition: EveryOp['partition'],
): Pick<EveryOp, 'partition' | 'reference'> => ({
  partition,
  reference: (x, shape, options = {}, parameters = {}) =>
    centered(x, partition(shape, options), parameters, options.epsilon ?? EPSILON),
});

export const everyOp: EveryOp[] = [
  {
    name: 'batchNorm',
    op: (x, options) =>
      tf.tidy(() => {
        const channels = [x.shape.at(-1) ?? 0];
        const moving = { movingMean: tf.zeros(channels), movingVariance: tf.ones(channels) };
        return norm.ops.batchNorm(x, { ...moving, epsilon: EPSILON, ...options }).y;
      }),
    ...withCentered((shape, options = {}) => batchPartition(shape, options)),
    perSample: false,
  },
  {
    name: 'groupNorm',
    op: (x, options) => norm.ops.groupNorm(x, { groups: 3, epsilon: EPSILON, ...options }),
    ...withCentered((shape, options) => groupPartition(shape, { groups: 3, ...options })),
    perSample: true,
  },
  {
    name: 'instanceNorm',
    op: (x, options) => norm.ops.instanceNorm(x, { epsilon: EPSILON, ...options }),
    ...withCentered((shape, options = {}) => instancePartition(shape, options)),
    perSample: true,
  },
  {
    name: 'layerNorm',
    op: (x, options) => norm.ops.layerNorm(x, { epsilon: EPSILON, ...options }),
    ...withCentered((shape, options = {}) => axesPartition(shape, options)),
    perSample: true,
  },
  {
    name: 'rmsNorm',
    op: (x, options) => norm.ops.rmsNorm(x, { epsilon: EPSILON, ...options }),
    partition: (shape, options = {}) => axesPartition(shape, options),
    reference: (x, shape, options = {}, parameters = {}) =>
      rootMeanSquare(x, axesPartition(shape, options), parameters, {
        epsilon: EPSILON,
        ...options,
      }),
    perSample: true,
  },
  {
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
  },
];
