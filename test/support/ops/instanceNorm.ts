import { norm } from '../../../src';
import { EPSILON, type EveryOp, type RawOp, withCentered } from '../opEntry';
import { instancePartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'instanceNorm',
  op: (x, options) => norm.ops.instanceNorm(x, { epsilon: EPSILON, ...options }),
  ...withCentered((shape, options = {}) => instancePartition(shape, options)),
  perSample: true,
  randomOptions: (shape, { channelAxis }) =>
    shape[channelAxis] === 0 ? undefined : { axis: channelAxis },
};

/** Group norm's. */
export const rawOps: RawOp[] = [];
