import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { type HammingSettings, hammingElement } from '../hammingReference';
import { choose, type EveryOp, type RawOp, X } from '../opEntry';
import {
  affine,
  batchPartition,
  type Options,
  type Parameters,
  parameterGradients,
} from '../reference';

const DEFAULTS = { taps: 4, r: 0.25, output: 'centered', threshold: 'soft', alpha: 2 };
type Given = Options & Partial<HammingSettings> & { gamma?: Tensor; beta?: Tensor };

/** The epilogue, to which a scale and an offset are given by plain ops. */
export const everyOp: EveryOp = {
  name: 'hammingEpilogue',
  input: 'acc',
  op: (x, given) => {
    const { gamma, beta, ...options } = { ...given } as Given;
    const y = norm.ops.hammingEpilogue(x, { ...DEFAULTS, ...options } as never);
    const scaled = gamma ? tf.mul(y, gamma) : y;
    return beta ? tf.add(scaled, beta) : scaled;
  },
  partition: (shape) => batchPartition(shape, {}),
  reference: (x, shape, options = {}, parameters: Parameters = {}) => {
    const partition = batchPartition(shape, {});
    const settings = { ...DEFAULTS, ...options } as HammingSettings;
    const all = Array.from(x, (acc) => hammingElement(acc, settings));
    const y = Float64Array.from(all, (one) => one.y);
    const gamma = (i: number) => parameters.gamma?.data[partition.parameter[i]!] ?? 1;
    return {
      y: affine(partition, y, parameters),
      gradients: (dy) => ({
        x: dy.map((value, i) => value * gamma(i) * all[i]!.byAcc),
        ...parameterGradients(partition, dy, y),
      }),
    };
  },
  perSample: true,
  keepsMean: true,
  elementwise: true,
  randomOptions: (_shape, { pick, choice }) => ({
    output: choose(['distance', 'similarity', 'centered', 'raw'], pick),
    threshold: choose(['none', 'relu', 'double', 'soft'], choice),
    taps: choose([1, 9, 75, 4], (7 * pick) % 1),
    r: choose([0, 0.25, 3], (5 * choice) % 1),
  }),
  launches: { forward: 1, backward: 2 },
};

export const otherCalls = [
  () => {
    const call = (acc: ReturnType<typeof tf.ones>) =>
      norm.ops.hammingEpilogue(acc, { taps: 9, threshold: 'soft', r: 0.25 });
    return tf.grad(call)(tf.ones([2, 3, 6]));
  },
];

const attributes = { output: 0, threshold: 3, alpha: 2 };
const needed = { threshold: 3 };
const wrong = {
  output: [-1, 4],
  threshold: [-1, 4],
  alpha: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-46],
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsHammingEpilogue',
    outputs: 1,
    inputs: { acc: X, taps: [1], r: [6] },
    attributes,
    needed,
    defaults: { output: 0, threshold: 0, alpha: 1 },
    wrong,
  },
  {
    name: 'TfjsHammingEpilogueGrad',
    outputs: 2,
    inputs: { dy: X, acc: X, taps: [1], r: [6] },
    attributes,
    needed,
    wrong,
  },
];
