import { norm } from '../../../src';
import { filterResponse } from '../filterResponseReference';
import { AFFINE, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { instancePartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'filterResponseNorm',
  op: (x, options) => norm.ops.filterResponseNorm(x, { epsilon: EPSILON, ...options }),
  partition: (shape, options = {}) => instancePartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) =>
    filterResponse(x, instancePartition(shape, options), parameters, {
      epsilon: EPSILON,
      ...options,
    }),
  perSample: true,
  keepsMean: true,
  randomOptions: (shape, { channelAxis }) =>
    shape[channelAxis] === 0 ? undefined : { axis: channelAxis },
};

// Without a learned epsilon: beside one, epsilon may be 0, and [1] is a shape of it.
const attributes = { ...AFFINE, axis: -1, tlu: true, learn_epsilon: false };
const needed = { tlu: true };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsFilterResponseNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6], tau: [6], learned_epsilon: [0] },
    attributes,
    needed,
    defaults: { axis: -1, epsilon: 1e-6, tlu: 0, learn_epsilon: 0, scale: 1, center: 1 },
  },
  {
    name: 'TfjsFilterResponseNormGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], tau: [6], learned_epsilon: [0], responses: [3, 4, 6] },
    attributes,
    needed,
  },
];
