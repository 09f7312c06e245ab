import { norm, tf } from '../../../src';
import { array64 } from '../arrays';
import { globalResponse } from '../globalResponseReference';
import { AFFINE, EPSILON, type EveryOp, type RawOp, X } from '../opEntry';
import { instancePartition } from '../reference';

/** With which y of the largest floats is a float: y = x + gamma * x * N. */
const GAMMA = -0.5;

export const everyOp: EveryOp = {
  name: 'globalResponseNorm',
  op: (x, options) =>
    tf.tidy(() => {
      const { axis = -1 } = (options ?? {}) as { axis?: number };
      const gamma = tf.fill([x.shape.at(axis) ?? 0], GAMMA);
      return norm.ops.globalResponseNorm(x, { epsilon: EPSILON, gamma, ...options });
    }),
  partition: (shape, options = {}) => instancePartition(shape, options),
  reference: (x, shape, options = {}, parameters = {}) => {
    const partition = instancePartition(shape, options);
    const channels = partition.parameterShape;
    const gamma = array64(channels, new Float64Array(channels[0]!).fill(GAMMA));
    return globalResponse(x, partition, { gamma, ...parameters }, options.epsilon ?? EPSILON);
  },
  perSample: true,
  keepsMean: true,
  randomOptions: (shape, { channelAxis }) =>
    shape[channelAxis] === 0 ? undefined : { axis: channelAxis },
};

const attributes = { ...AFFINE, axis: -1 };

export const rawOps: RawOp[] = [
  {
    name: 'TfjsGlobalResponseNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes,
    defaults: { axis: -1, epsilon: 1e-6, scale: 1, center: 1 },
  },
  {
    name: 'TfjsGlobalResponseNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], responses: [4, 6] },
    attributes,
  },
];
