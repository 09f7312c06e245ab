import { norm, tf } from '../../../src';
import { type RawOp, X } from '../opEntry';

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
