import { norm } from '../../../src';
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
import { groupPartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'groupNorm',
  op: (x, options) => norm.ops.groupNorm(x, { groups: 3, epsilon: EPSILON, ...options }),
  ...withCentered((shape, options) => groupPartition(shape, { groups: 3, ...options })),
  perSample: true,
  anyChannels: { groups: 1 },
  oneValue: { options: { groups: 6 } },
  randomOptions: (shape, { channelAxis, choice }) =>
    shape[channelAxis] === 0
      ? undefined
      : { axis: channelAxis, groups: choose(divisors(shape[channelAxis]!), choice) },
};

const attributes = { ...AFFINE, axis: -1, groups: 3 };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsGroupNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes,
    needed: { groups: 3 },
    defaults: { axis: -1, epsilon: 0.001, groups: 32, scale: 1, center: 1 },
  },
  {
    name: 'TfjsGroupNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 4, 6] },
    attributes,
    needed: { groups: 3 },
  },
];
