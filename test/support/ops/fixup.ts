import { norm, tf } from '../../../src';
import { type RawOp, X } from '../opEntry';

export const otherCalls = [
  () => tf.grad((x) => norm.ops.biasReluBias(x, 0.5, -0.5))(tf.ones([3, 4])),
];

const attributes = {
  relu: true,
  use_scale: true,
  use_bias: true,
  use_shift: true,
  use_residual: true,
};

export const rawOps: RawOp[] = [
  {
    name: 'TfjsFixup',
    outputs: 1,
    inputs: { x: X, scale: [1], bias: [1], shift: [1], residual: X },
    attributes,
    needed: attributes,
    defaults: { relu: 0, use_scale: 0, use_bias: 0, use_shift: 0, use_residual: 0 },
    anyShape: true,
  },
  {
    name: 'TfjsFixupGrad',
    outputs: 5,
    inputs: { dy: X, x: X, scale: [1], bias: [1], residual: X },
    attributes,
    needed: attributes,
    anyShape: true,
  },
];
