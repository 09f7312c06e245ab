import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { batchPartition, type Options } from '../reference';
import { weightReference } from '../weightReference';

type Given = Options & { gamma?: Tensor; beta?: Tensor; center?: boolean };

export const everyOp: EveryOp = {
  name: 'weightNorm',
  // Weights have no beta: it is added, as the bias of their layer would be.
  op: (x, given) => {
    const { gamma, beta, ...options } = (given ?? {}) as Given;
    const w = norm.ops.weightNorm(x, { epsilon: EPSILON, ...options, g: gamma });
    return beta ? tf.add(w, beta) : w;
  },
  partition: (shape) => batchPartition(shape, {}),
  reference: (x, shape, options = {}, parameters = {}) =>
    weightReference(x, batchPartition(shape, {}), parameters, {
      divisor: 'norm',
      center: false,
      epsilon: EPSILON,
      ...options,
    }),
  perSample: false,
  keepsMean: true,
  randomOptions: (_shape, { choice }) => ({
    center: choice < 0.5,
    epsilon: choice < 0.8 ? 1e-3 : 1e-12,
  }),
  launches: { forward: 1, backward: 1 },
};

const attributes = {
  axis: -1,
  kept_axes: 1,
  divisor: 0,
  center: false,
  epsilon: 1e-3,
  scale: true,
};
const wrong = { kept_axes: [-1, 2, 5], divisor: [-1, 4] };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsWeightNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6] },
    attributes,
    defaults: { axis: -1, kept_axes: 1, divisor: 0, center: 0, epsilon: 1e-12, scale: 1 },
    wrong,
  },
  {
    name: 'TfjsWeightNormGrad',
    outputs: 2,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 6] },
    attributes,
    wrong,
  },
];
