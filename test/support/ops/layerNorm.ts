import { norm } from '../../../src';
import { AFFINE, EPSILON, type EveryOp, type RawOp, randomAxes, withCentered, X } from '../opEntry';
import { axesPartition } from '../reference';

export const everyOp: EveryOp = {
  name: 'layerNorm',
  op: (x, options) => norm.ops.layerNorm(x, { epsilon: EPSILON, ...options }),
  ...withCentered((shape, options = {}) => axesPartition(shape, options)),
  perSample: true,
  rows: true,
  oneValue: { shape: [5, 1] },
  randomOptions: (shape, draw) => ({ axis: randomAxes(shape, draw) }),
  launches: { forward: 1, backward: 3 },
};

const attributes = { ...AFFINE, begin_axis: -1 };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsLayerNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes,
    defaults: { begin_axis: -1, epsilon: 0.001, scale: 1, center: 1 },
  },
  {
    name: 'TfjsLayerNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 36] },
    attributes,
  },
];
