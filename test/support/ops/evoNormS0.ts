import { norm } from '../../../src';
import { evoNormS0 } from '../elementReference';
import { AFFINE, choose, divisors, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { groupPartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'evoNormS0',
  op: (x, options) => norm.ops.evoNormS0(x, { groups: 3, epsilon: EPSILON, ...options }),
  partition: (shape, options) => groupPartition(shape, { groups: 3, ...options }),
  reference: (x, shape, options = {}, parameters = {}) =>
    evoNormS0(x, groupPartition(shape, { groups: 3, ...options }), parameters, {
      epsilon: EPSILON,
      ...options,
    }),
  perSample: true,
  keepsMean: true,
  anyChannels: { groups: 1 },
  randomOptions: (shape, { channelAxis, pick, choice }) =>
    shape[channelAxis] === 0
      ? undefined
      : {
          axis: channelAxis,
          groups: choose(divisors(shape[channelAxis]!), choice),
          nonlinearity: pick < 0.8,
        },
};

const attributes = { ...AFFINE, axis: -1, groups: 3, nonlinearity: true };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsEvoNormS0',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6], v: [6] },
    attributes,
    needed: { groups: 3 },
    defaults: { axis: -1, groups: 32, epsilon: 1e-5, nonlinearity: 1, scale: 1, center: 1 },
  },
  {
    name: 'TfjsEvoNormS0Grad',
    outputs: 4,
    inputs: { dy: X, x: X, gamma: [6], v: [6], moments: [3, 4, 6] },
    attributes,
    needed: { groups: 3 },
  },
];
