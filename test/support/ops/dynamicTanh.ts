import { norm } from '../../../src';
import { dynamicTanh } from '../elementReference';
import { choose, type EveryOp, type RawOp, randomAxes, X } from '../opEntry';
import { axesPartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'dynamicTanh',
  op: (x, options) => norm.ops.dynamicTanh(x, { ...options }),
  partition: (shape, options = {}) => axesPartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) =>
    dynamicTanh(x, axesPartition(shape, options), parameters, options),
  perSample: true,
  rows: true,
  keepsMean: true,
  elementwise: true,
  randomOptions: (shape, draw) => ({
    axis: draw.pick < 0.5 ? randomAxes(shape, draw) : draw.channelAxis,
    alpha: choose([0.5, -1.25, 0, 3, 0.01], draw.choice),
  }),
  launches: { forward: 1, backward: 3 },
};

const attributes = { begin_axis: -1, axes: 0, scale: true, center: true };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsDynamicTanh',
    outputs: 1,
    inputs: { x: X, alpha: [1], gamma: [6], beta: [6] },
    attributes,
    defaults: { begin_axis: -1, axes: 0, scale: 1, center: 1 },
    wrong: { axes: [-1, 2] },
  },
  {
    name: 'TfjsDynamicTanhGrad',
    outputs: 4,
    inputs: { dy: X, x: X, alpha: [1], gamma: [6] },
    attributes,
    wrong: { axes: [-1, 2] },
  },
];
