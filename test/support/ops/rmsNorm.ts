import { norm } from '../../../src';
import { AFFINE, choose, EPSILON, type EveryOp, type RawOp, randomAxes, X } from '../opEntry';
import { axesPartition, rootMeanSquare } from '../reference';

export const everyOp: EveryOp = {
  name: 'rmsNorm',
  op: (x, options) => norm.ops.rmsNorm(x, { epsilon: EPSILON, ...options }),
  partition: (shape, options = {}) => axesPartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) =>
    rootMeanSquare(x, axesPartition(shape, options), parameters, { epsilon: EPSILON, ...options }),
  perSample: true,
  rows: true,
  keepsMean: true,
  randomOptions: (shape, draw) => ({
    axis: randomAxes(shape, draw),
    partial: choose([undefined, 0.25, 0.5], draw.choice),
    epsilonInside: draw.pick < 0.7,
  }),
  launches: { forward: 1, backward: 3 },
};

const attributes = { ...AFFINE, begin_axis: -1, epsilon_inside: true, partial: 0 };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsRmsNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes,
    needed: { center: true },
    defaults: {
      begin_axis: -1,
      epsilon: 1e-6,
      epsilon_inside: 1,
      partial: 0,
      scale: 1,
      center: 0,
    },
  },
  {
    name: 'TfjsRmsNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], mean_square: [36] },
    attributes,
    needed: { center: true },
  },
];
