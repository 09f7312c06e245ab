import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { call, group, K, KERNEL, kernelOf } from '../support/attentiveCall';
import { attentive, mixtures } from '../support/attentiveReference';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { instancePartition } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  constant,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';

const ones = (...shape: number[]) => tf.ones(shape);
const { attentiveNorm } = norm.ops;
const bad = (options: () => object) => () =>
  tf.tidy(() => call(ones(2, 4, 4, 6), options() as never));
const layerOf = (args: object = {}) => norm.layers.attentiveNormalization(args);
const weightDefaults = (name: string, initializer: object) => ({
  [`${name}Initializer`]: initializer,
  [`${name}Regularizer`]: null,
  [`${name}Constraint`]: null,
});
const everyWeightArgument = (name: string, value: number) => ({
  [`${name}Initializer`]: constant(value),
  [`${name}Regularizer`]: EVERY_AFFINE_ARGUMENT.gammaRegularizer,
  [`${name}Constraint`]: EVERY_AFFINE_ARGUMENT.gammaConstraint,
});
const random = (mean: number, stddev: number) => ({
  className: 'RandomNormal',
  config: { mean, stddev },
});
const zeros = { className: 'Zeros', config: {} };
const one = { className: 'Ones', config: {} };

const table: Normalizer = {
  name: 'attentiveNorm',
  epsilon: 1e-5,
  scale: true,
  center: true,
  invariance: 'scale',
  independentSamples: false,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [8, 4, 3, 32], options: { k: 10 } },
    { shape: [9, 3, 5, 6], options: { attentionActivation: 'sigmoid' } },
    { shape: [9, 3, 5, 6], options: { attentionActivation: 'softmax' }, scale: false },
    { shape: [4, 3, 5, 6], options: { attentionNorm: 'layer', ...group(2) } },
    { shape: [4, 3, 5, 6], options: { attentionNorm: 'none', ...group(6) }, center: false },
    { shape: [4, 3, 5, 6], options: group(1), scale: false, center: false },
    { shape: [4, 3, 5, 6], options: { squeeze: 'mean' } },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [5, 6, 7], options: { axis: 1, unbiasedSqueezeVariance: false, ...group(3) } },
    { shape: [9, 12] },
    { shape: [9, 12], options: { attentionNorm: 'layer', ...group(4) } },
    { shape: [3, 3, 4, 5], options: { axis: 2, attentionActivation: 'softmax' } },
    { shape: [1, 3, 4, 5] },
    { shape: [1, 3, 4, 5], options: { attentionNorm: 'layer' } },
    { shape: [1, 2, 3, 2, 10], options: { attentionNorm: 'none', ...group(5) } },
    { shape: [5, 1, 1, 127], options: { k: 1 } },
    { shape: [3, 4, 3, 1] },
    { shape: [3, 19, 17, 13] },
    { shape: [70, 3, 3, 5] },
    { shape: [2, 60, 60, 8] },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 0, 3, 6] },
  ],
  op: (x, parameters, options) => call(x, { ...parameters, ...options }),
  partition: (shape, options) => mixtures(instancePartition(shape, options), options.k ?? K),
  reference: (x, partition, { gamma, beta }, options) => {
    const [k, channels] = partition.parameterShape as [number, number];
    const kernel = kernelOf(k, channels);
    return attentive(x, partition, { gamma: gamma?.data, beta: beta?.data, kernel }, options);
  },
  layer: {
    className: 'AttentiveNormalization',
    // The kernel that the reference knows, wherever the defaults are not what is asked for.
    create: (args) => layerOf(args && { k: K, attentionKernelInitializer: KERNEL, ...args }),
    defaults: {
      ...AFFINE_DEFAULTS,
      k: 10,
      backbone: 'batch',
      groups: 32,
      squeeze: 'rsd',
      squeezeEpsilon: 1e-3,
      unbiasedSqueezeVariance: true,
      attentionNorm: 'batch',
      attentionActivation: 'hardSigmoid',
      attentionUseBias: false,
      axis: -1,
      epsilon: 1e-5,
      momentum: 0.9,
      unbiased: true,
      lastGamma: false,
      gammaInitializer: random(1, 0.1),
      betaInitializer: random(0, 0.1),
      ...weightDefaults('attentionKernel', random(0, Math.sqrt(0.2))),
      ...weightDefaults('attentionBias', zeros),
      ...weightDefaults('attentionGamma', one),
      ...weightDefaults('attentionBeta', zeros),
      movingMeanInitializer: zeros,
      movingVarianceInitializer: one,
      attentionMovingMeanInitializer: zeros,
      attentionMovingVarianceInitializer: one,
    },
    usable: { gammaInitializer: 'ones', betaInitializer: 'zeros' },
    everyArgument: {
      ...EVERY_AFFINE_ARGUMENT,
      k: 4,
      backbone: 'group',
      groups: 3,
      squeeze: 'mean',
      squeezeEpsilon: 0.5,
      unbiasedSqueezeVariance: false,
      attentionNorm: 'layer',
      attentionActivation: 'softmax',
      attentionUseBias: true,
      axis: 1,
      epsilon: 0.25,
      momentum: 0.25,
      unbiased: false,
      lastGamma: true,
      ...everyWeightArgument('attentionKernel', 6),
      ...everyWeightArgument('attentionBias', 7),
      ...everyWeightArgument('attentionGamma', 8),
      ...everyWeightArgument('attentionBeta', 9),
      movingMeanInitializer: constant(10),
      movingVarianceInitializer: constant(11),
      attentionMovingMeanInitializer: constant(12),
      attentionMovingVarianceInitializer: constant(13),
    },
    weights: (shape, args) => {
      const channels = shape.at(-1)!;
      const fixed = (name: string, size: number) => ({ name, shape: [size], trainable: false });
      return [
        ...affineWeights([K, channels], args),
        { name: 'attention_kernel', shape: [K, channels], trainable: true },
        { name: 'attention_gamma', shape: [K], trainable: true },
        { name: 'attention_beta', shape: [K], trainable: true },
        fixed('moving_mean', channels),
        fixed('moving_variance', channels),
        fixed('attention_moving_mean', K),
        fixed('attention_moving_variance', K),
      ];
    },
  },
  badArguments: [
    ...commonBadArguments(
      'attentiveNorm',
      (x, options) => call(x as Tensor, options),
      () => ones(2, 4, 4, 6),
    ).filter(([what]) => what !== 'a string for x'),
    [
      'a string for x',
      () => attentiveNorm('image' as never, undefined as never),
      /attentiveNorm: x|'x'/,
    ],
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^attentiveNorm: axis/],
    ['x of rank 1', () => tf.tidy(() => call(ones(6), {})), /^attentiveNorm: x.*rank/],
    [
      'no mixtures',
      bad(() => ({ attentionKernel: tf.zeros([0, 6]) })),
      /^attentiveNorm: attentionKernel.*\[K, 6\].*at least one.*\[0,6\]/,
    ],
    [
      'a kernel of other channels',
      bad(() => ({ attentionKernel: ones(3, 5) })),
      /^attentiveNorm: attentionKernel.*\[K, 6\].*\[3,5\]/,
    ],
    ['no kernel', bad(() => ({ attentionKernel: undefined })), /^attentiveNorm: attentionKernel/],
    [
      'gamma of one mixture',
      bad(() => ({ gamma: ones(6) })),
      /^attentiveNorm: gamma.*\[3,6\].*\[6\]/,
    ],
    ['a long bias', bad(() => ({ attentionBias: ones(4) })), /attentionBias.*\[3\].*\[4\]/],
    [
      'attentionGamma without a norm',
      bad(() => ({ attentionNorm: 'none', attentionGamma: ones(3) })),
      /^attentiveNorm: attentionGamma.*'none'/,
    ],
    ['no running mean', bad(() => ({ movingMean: undefined })), /^attentiveNorm: movingMean/],
    [
      'a running variance of other mixtures',
      bad(() => ({ attentionMovingVariance: ones(4) })),
      /^attentiveNorm: attentionMovingVariance.*\[3\].*\[4\]/,
    ],
    ['groups 4 of 6', bad(() => group(4)), /^attentiveNorm: groups.*6.*4/],
    ['32 groups of 6', bad(() => ({ backbone: 'group' })), /^attentiveNorm: groups.*6.*32/],
    ['a layer backbone', bad(() => ({ backbone: 'layer' })), /backbone.*'batch' or 'group'/],
    ['squeeze max', bad(() => ({ squeeze: 'max' })), /^attentiveNorm: squeeze.*'max'/],
    ['squeezeEpsilon 0', bad(() => ({ squeezeEpsilon: 0 })), /^attentiveNorm: squeezeEpsilon.*0/],
    ['attentionNorm true', bad(() => ({ attentionNorm: true })), /^attentiveNorm: attentionNorm/],
    [
      'attentionActivation relu',
      bad(() => ({ attentionActivation: 'relu' })),
      /^attentiveNorm: attentionActivation.*'hardSigmoid', 'sigmoid' or 'softmax'.*'relu'/,
    ],
    ['training yes', bad(() => ({ training: 'yes' })), /^attentiveNorm: training.*yes/],
    ['momentum 2', bad(() => ({ momentum: 2 })), /^attentiveNorm: momentum.*2/],
    ['unbiased 1', bad(() => ({ unbiased: 1 })), /^attentiveNorm: unbiased.*1/],
    ['a layer with k 0', () => layerOf({ k: 0 }), /^AttentiveNormalization: k.*0/],
    ['a layer with k 1.5', () => layerOf({ k: 1.5 }), /^AttentiveNormalization: k.*1\.5/],
    ['a layer with groups 0', () => layerOf({ groups: 0 }), /groups.*0/],
    ['a layer on axis 0', () => layerOf({ axis: 0 }).build([2, 3, 4]), /axis.*batch/],
    [
      'a layer with 32 groups of 6',
      () => layerOf({ backbone: 'group' }).build([2, 3, 6]),
      /groups.*6.*32/,
    ],
  ],
};

// Small batches are what the layer warns of.
beforeEach(() => {
  jest.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => jest.restoreAllMocks());

describeNormalizer(table);
