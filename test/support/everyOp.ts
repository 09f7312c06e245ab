/** The five ops behind one signature, for tests that ask the same of all: six channels, no parameters. */

import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import {
  axesPartition,
  batchPartition,
  centered,
  groupPartition,
  instancePartition,
  type Options,
  rootMeanSquare,
} from './reference';

export interface EveryOp {
  name: string;
  op(x: Tensor, options?: object): Tensor;
  reference(x: Float64Array, shape: readonly number[], options?: Options): Float64Array;
  /** Whether statistics are those of one sample alone. */
  perSample: boolean;
}

const EPSILON = 1e-3;

export const everyOp: EveryOp[] = [
  {
    name: 'batchNorm',
    op: (x, options) =>
      tf.tidy(() => {
        const channels = [x.shape.at(-1) ?? 0];
        const moving = { movingMean: tf.zeros(channels), movingVariance: tf.ones(channels) };
        return norm.ops.batchNorm(x, { ...moving, epsilon: EPSILON, ...options }).y;
      }),
    reference: (x, shape, options = {}) =>
      centered(x, batchPartition(shape, options), {}, EPSILON).y,
    perSample: false,
  },
  {
    name: 'groupNorm',
    op: (x, options) => norm.ops.groupNorm(x, { groups: 3, epsilon: EPSILON, ...options }),
    reference: (x, shape, options = {}) =>
      centered(x, groupPartition(shape, { groups: 3, ...options }), {}, EPSILON).y,
    perSample: true,
  },
  {
    name: 'instanceNorm',
    op: (x, options) => norm.ops.instanceNorm(x, { epsilon: EPSILON, ...options }),
    reference: (x, shape, options = {}) =>
      centered(x, instancePartition(shape, options), {}, EPSILON).y,
    perSample: true,
  },
  {
    name: 'layerNorm',
    op: (x, options) => norm.ops.layerNorm(x, { epsilon: EPSILON, ...options }),
    reference: (x, shape, options = {}) =>
      centered(x, axesPartition(shape, options), {}, EPSILON).y,
    perSample: true,
  },
  {
    name: 'rmsNorm',
    op: (x, options) => norm.ops.rmsNorm(x, { epsilon: EPSILON, ...options }),
    reference: (x, shape, options = {}) =>
      rootMeanSquare(x, axesPartition(shape, options), {}, { epsilon: EPSILON, ...options }).y,
    perSample: true,
  },
];
