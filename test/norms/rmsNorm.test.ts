import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { axesPartition, rootMeanSquare } from '../support/reference';
import { commonBadArguments } from '../support/table';

const ones = (...shape: number[]) => tf.ones(shape);
const call = (x: unknown, options: object) => norm.ops.rmsNorm(x as Tensor, options);
const bad = (options: () => object) => () => tf.tidy(() => call(ones(2, 4, 4, 6), options()));

const rmsNorm: Normalizer = {
  name: 'rmsNorm',
  epsilon: 1e-6,
  scale: true,
  center: false,
  invariance: 'scale',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6], center: false },
    { shape: [2, 3, 5, 6] },
    { shape: [2, 3, 5, 6], scale: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 3, 5, 6], options: { epsilonInside: false }, center: false },
    { shape: [4, 16], options: { partial: 0.25 }, center: false },
    { shape: [4, 16], options: { partial: 0.25, epsilonInside: false } },
    { shape: [5, 1], center: false },
    { shape: [33, 31], center: false },
    { shape: [3, 1021], center: false },
    { shape: [2, 2500], center: false },
    { shape: [2, 3, 4, 5], options: { axis: [1, 2, 3] }, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1 }, center: false },
    { shape: [2, 4, 5, 3], options: { axis: [1, 3] }, center: false },
    { shape: [2, 3, 2, 3, 7], center: false },
    { shape: [0, 6], center: false },
    { shape: [2, 0, 6], center: false },
  ],
  op: (x, parameters, options) => norm.ops.rmsNorm(x, { ...parameters, ...(options as object) }),
  partition: axesPartition,
  reference: rootMeanSquare,
  layer: {
    className: 'RMSNormalization',
    create: (args) => norm.layers.rmsNormalization(args as never),
    defaults: { axis: -1, epsilon: 1e-6 },
    usable: {},
    everyArgument: { axis: [1, 3], epsilon: 0.25, epsilonInside: false, partial: 0.5 },
    weights: (shape) => [{ name: 'scale', shape: [shape.at(-1)!], trainable: true }],
  },
  badArguments: [
    ...commonBadArguments('rmsNorm', call, () => ones(2, 4, 4, 6)),
    ['axis [1, 1]', bad(() => ({ axis: [1, 1] })), /^rmsNorm: axis.*got/],
    ['partial 0', bad(() => ({ partial: 0 })), /^rmsNorm: partial.*got 0/],
    ['partial 1.5', bad(() => ({ partial: 1.5 })), /^rmsNorm: partial.*got 1\.5/],
    ['partial NaN', bad(() => ({ partial: Number.NaN })), /^rmsNorm: partial.*got NaN/],
    ['gamma too long', bad(() => ({ gamma: ones(7) })), /^rmsNorm: gamma.*\[6\].*\[7\]/],
    ['beta too short', bad(() => ({ beta: ones(5) })), /^rmsNorm: beta.*\[6\].*\[5\]/],
  ],
};

describeNormalizer(rmsNorm);
