import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalizeAxis } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { online } from '../support/onlineReference';
import { instancePartition, type Options } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';

const ones = (...shape: number[]) => tf.ones(shape);
const { onlineNorm } = norm.ops;

/** Fresh running statistics; `options` replaces any. */
function call(x: Tensor, options: Record<string, unknown>): Tensor {
  return tf.tidy(() => {
    const { axis = -1 } = options as Options;
    const channels = [x.shape?.[normalizeAxis(axis as number, x.rank)] ?? 0];
    const moving = { movingMean: tf.zeros(channels), movingVariance: tf.ones(channels) };
    return onlineNorm(x, { ...moving, ...options }).y;
  });
}
const bad = (options: () => object) => () =>
  tf.tidy(() => call(ones(2, 4, 4, 6), options() as never));
const layerOf = (args: object = {}) => norm.layers.onlineNormalization(args);

/** A call with control tensors that are thrown away again. */
const controlled = (shapes: { u: number[]; v: number[] }, variables: boolean) => () => {
  const make = (shape: number[]) => (variables ? tf.variable(tf.zeros(shape)) : tf.zeros(shape));
  tf.tidy(() => {
    const control = { u: make(shapes.u), v: make(shapes.v) };
    try {
      call(ones(2, 4, 4, 6), { control });
    } finally {
      tf.dispose(control);
    }
  });
};

const table: Normalizer = {
  name: 'onlineNorm',
  epsilon: 1e-5,
  scale: true,
  center: true,
  invariance: 'none',
  independentSamples: false,
  ordered: true,
  controlled: true,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 4, 3, 32], options: { errorCompensation: 'layerScaling' } },
    { shape: [2, 3, 5, 6], options: { errorCompensation: 'none' }, scale: false },
    { shape: [2, 3, 5, 6], options: { clampValue: 0.75 }, center: false },
    { shape: [2, 3, 5, 6], options: { layerScalingEpsilon: 0.5 } },
    {
      shape: [4, 3, 5, 6],
      options: { errorCompensation: 'layerScaling', layerScalingEpsilon: 0.5 },
      scale: false,
      center: false,
    },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [5, 6, 7], options: { axis: 1, errorCompensation: 'layerScaling' } },
    { shape: [4, 12] },
    { shape: [9, 12], options: { alphaForward: 0.9, alphaBackward: 0.8, clampValue: 1 } },
    { shape: [7, 12], options: { errorCompensation: 'layerScaling' } },
    { shape: [2, 3, 4, 5], options: { axis: 2, errorCompensation: 'none' } },
    { shape: [1, 3, 4, 5] },
    { shape: [1, 2, 3, 2, 10], options: { alphaForward: 0, alphaBackward: 0 } },
    { shape: [3, 2, 2, 5], options: { alphaForward: 1, alphaBackward: 1 } },
    { shape: [5, 1, 1, 127] },
    { shape: [3, 4, 3, 1] },
    { shape: [1, 19, 17, 13], options: { errorCompensation: 'none' } },
    { shape: [70, 3, 3, 5], options: { alphaForward: 0.97, alphaBackward: 0.9 } },
    { shape: [2, 60, 60, 8] },
    { shape: [3, 5, 4, 6], options: { training: false, clampValue: 1 } },
    { shape: [3, 5, 4, 6], options: { training: false, errorCompensation: 'layerScaling' } },
    { shape: [3, 6, 5, 4], options: { training: false, errorCompensation: 'none', axis: 1 } },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 0, 3, 6] },
  ],
  op: (x, parameters, options) => call(x, { ...parameters, ...options }),
  partition: instancePartition,
  reference: (x, partition, parameters, options) => online(x, partition, parameters, options),
  layer: {
    className: 'OnlineNormalization',
    create: (args) => layerOf(args),
    defaults: {
      axis: -1,
      alphaForward: 0.999,
      alphaBackward: 0.99,
      epsilon: 1e-5,
      errorCompensation: 'clamp',
      clampValue: 5,
      layerScalingEpsilon: 1e-5,
      preciseStates: false,
      movingMeanInitializer: { className: 'Zeros', config: {} },
      movingVarianceInitializer: { className: 'Ones', config: {} },
      ...AFFINE_DEFAULTS,
    },
    // Near the data of the models: far from it, outputs are too large to learn from.
    usable: { movingMeanInitializer: constant(3), movingVarianceInitializer: constant(4) },
    everyArgument: {
      axis: 1,
      alphaForward: 0.75,
      alphaBackward: 0.5,
      epsilon: 0.25,
      errorCompensation: 'layerScaling',
      clampValue: 3,
      layerScalingEpsilon: 0.125,
      preciseStates: true,
      movingMeanInitializer: constant(4),
      movingVarianceInitializer: constant(5),
      ...EVERY_AFFINE_ARGUMENT,
    },
    weights: (shape, args) => {
      const channels = [shape.at(-1)!];
      return [
        ...affineWeights(channels, args),
        ...['moving_mean', 'moving_variance', 'control_u', 'control_v'].map((name) => ({
          name,
          shape: channels,
          trainable: false,
        })),
      ];
    },
  },
  badArguments: [
    ...commonBadArguments(
      'onlineNorm',
      (x, options) => call(x as Tensor, options),
      () => ones(2, 4, 4, 6),
    ).filter(([what]) => what !== 'a string for x'),
    ['a string for x', () => onlineNorm('image' as never, undefined as never), /onlineNorm: x|'x'/],
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^onlineNorm: axis/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^onlineNorm: x.*rank/],
    [
      'a running mean of other channels',
      bad(() => ({ movingMean: ones(5) })),
      /^onlineNorm: movingMean.*\[6\] or \[2,6\].*\[5\]/,
    ],
    [
      'a running variance unlike the running mean',
      bad(() => ({ movingVariance: ones(2, 6) })),
      /^onlineNorm: movingVariance.*\[6\].*\[2,6\]/,
    ],
    ['no running variance', bad(() => ({ movingVariance: null })), /^onlineNorm: movingVariance/],
    ['alphaForward 2', bad(() => ({ alphaForward: 2 })), /^onlineNorm: alphaForward.*2/],
    ['alphaBackward NaN', bad(() => ({ alphaBackward: Number.NaN })), /alphaBackward.*NaN/],
    ['training yes', bad(() => ({ training: 'yes' })), /^onlineNorm: training.*yes/],
    [
      "errorCompensation 'ac'",
      bad(() => ({ errorCompensation: 'ac' })),
      /^onlineNorm: errorCompensation.*clamp.*'ac'/,
    ],
    ['clampValue 0', bad(() => ({ clampValue: 0 })), /^onlineNorm: clampValue.*0/],
    [
      'layerScalingEpsilon -1',
      bad(() => ({ layerScalingEpsilon: -1 })),
      /^onlineNorm: layerScalingEpsilon.*-1/,
    ],
    ['gamma too short', bad(() => ({ gamma: ones(5) })), /^onlineNorm: gamma.*\[6\].*\[5\]/],
    ['control of true', bad(() => ({ control: true })), /^onlineNorm: control.*u and v/],
    [
      'control of other channels',
      controlled({ u: [5], v: [5] }, true),
      /^onlineNorm: control\.u.*\[6\] or \[2,6\].*\[5\]/,
    ],
    [
      'control states that differ',
      controlled({ u: [6], v: [2, 6] }, true),
      /^onlineNorm: control\.v.*\[6\].*\[2,6\]/,
    ],
    [
      'control that cannot be updated',
      controlled({ u: [6], v: [6] }, false),
      /^onlineNorm: control\.u must be a variable/,
    ],
    ['updateControl 1', bad(() => ({ updateControl: 1 })), /^onlineNorm: updateControl.*1/],
    ['a layer on axis 0', () => layerOf({ axis: 0 }).build([2, 3, 4]), /axis.*batch/],
    ['a layer with clampValue 0', () => layerOf({ clampValue: 0 }), /clampValue/],
    ["a layer with errorCompensation 'ls'", () => layerOf({ errorCompensation: 'ls' }), /'ls'/],
  ],
};

describeNormalizer(table);
