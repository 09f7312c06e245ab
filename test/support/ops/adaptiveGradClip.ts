import { norm, tf } from '../../../src';
import { type RawOp, X } from '../opEntry';

export const otherCalls = [() => norm.ops.adaptiveGradClip(tf.ones(X), tf.ones(X))];

const positive = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-46];

export const rawOps: RawOp[] = [
  {
    name: 'TfjsAdaptiveGradClip',
    outputs: 1,
    inputs: { gradients: X, weights: X },
    attributes: { axis: -1, kept_axes: 1, clipping: 0.01, epsilon: 1e-3 },
    defaults: { axis: -1, kept_axes: 1, clipping: 0.01, epsilon: 1e-3 },
    wrong: { kept_axes: [-1, 2, 5], clipping: positive, epsilon: positive },
  },
];
