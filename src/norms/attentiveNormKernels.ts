/** The kernels of the attentive norm op and its gradient. */
import type { Tensor } from '@tensorflow/tfjs-node';
import type { AttentionActivation, AttentionNorm } from '../core/composed/attention';
import {
  type AttentiveInputs,
  type AttentiveSettings,
  attentiveNorm,
  attentiveNormGrad,
} from '../core/composed/attentiveNorm';
import {
  type Attributes,
  type Inputs,
  registerOp,
  registerOpGradient,
  runOp,
} from '../core/kernels';
import { AFFINE_ATTRIBUTES, affineGradients, affineOf } from '../core/parameters';
import { tf } from '../tensorflow';

// The native attributes are the positions in these lists.
export const SQUEEZES = ['rsd', 'mean'] as const;
export const ATTENTION_NORMS: readonly AttentionNorm[] = ['none', 'batch', 'layer'];
export const ATTENTION_ACTIVATIONS: readonly AttentionActivation[] = [
  'hardSigmoid',
  'sigmoid',
  'softmax',
];

const shared = {
  axis: 'int',
  epsilon: 'float',
  training: 'bool',
  batch_backbone: 'bool',
  groups: 'int',
  squeeze: 'int',
  squeeze_epsilon: 'float',
  unbiased_squeeze_variance: 'bool',
  use_attention_bias: 'bool',
  attention_norm: 'int',
  attention_activation: 'int',
  ...AFFINE_ATTRIBUTES,
} as const;

/** Inputs after x that have a gradient, and those that have none, in order. */
const LEARNED = [
  'gamma',
  'beta',
  'attention_kernel',
  'attention_bias',
  'attention_gamma',
  'attention_beta',
];
const STATE = [
  'moving_mean',
  'moving_variance',
  'attention_moving_mean',
  'attention_moving_variance',
];

function settingsOf(attrs: Attributes): AttentiveSettings {
  const training = attrs.training as boolean;
  const epsilon = attrs.epsilon as number;
  return {
    axis: attrs.axis as number,
    epsilon,
    training,
    groups: attrs.batch_backbone ? null : (attrs.groups as number),
    squeeze: SQUEEZES[attrs.squeeze as number]!,
    squeezeEpsilon: attrs.squeeze_epsilon as number,
    unbiasedSqueezeVariance: attrs.unbiased_squeeze_variance as boolean,
    attention: {
      norm: ATTENTION_NORMS[attrs.attention_norm as number]!,
      activation: ATTENTION_ACTIVATIONS[attrs.attention_activation as number]!,
      training,
      epsilon,
    },
  };
}

function inputsOf(inputs: Inputs, attrs: Attributes): AttentiveInputs {
  const some = (tensor: Tensor) => (tensor.size > 0 ? tensor : null);
  return {
    x: inputs.x!,
    ...affineOf(inputs, attrs),
    kernel: inputs.attention_kernel!,
    movingMean: inputs.moving_mean!,
    movingVariance: inputs.moving_variance!,
    attention: {
      bias: some(inputs.attention_bias!),
      gamma: some(inputs.attention_gamma!),
      beta: some(inputs.attention_beta!),
      movingMean: inputs.attention_moving_mean!,
      movingVariance: inputs.attention_moving_variance!,
    },
  };
}

registerOp({
  name: 'TfjsAttentiveNorm',
  inputs: ['x', ...LEARNED, ...STATE],
  outputs: 7,
  attributes: { ...shared, update_rate: 'float', unbiased: 'bool' },
  composed(inputs, attrs) {
    const x = inputs.x!;
    if (x.size === 0) {
      const [rows, channels] = [x.shape[0]!, x.shape[attrs.axis as number]!];
      const attention = tf.zeros([rows, inputs.attention_kernel!.shape[0]!]);
      const state = STATE.map((name) => tf.clone(inputs[name]!));
      return [tf.clone(x), ...state, attention, tf.zeros([3, rows, channels])];
    }
    const update = { rate: attrs.update_rate as number, unbiased: attrs.unbiased as boolean };
    return attentiveNorm(inputsOf(inputs, attrs), update, settingsOf(attrs));
  },
});

registerOp({
  name: 'TfjsAttentiveNormGrad',
  inputs: ['dy', 'x', ...LEARNED, ...STATE, 'moments'],
  outputs: 7,
  attributes: shared,
  composed(inputs, attrs) {
    const x = inputs.x!;
    if (x.size === 0) return ['x', ...LEARNED].map((name) => tf.zerosLike(inputs[name]!));
    const grads = attentiveNormGrad(inputs.dy!, inputsOf(inputs, attrs), settingsOf(attrs));
    const vectors: [string, Tensor][] = [
      ['attention_bias', grads.dBias],
      ['attention_gamma', grads.dGamma],
      ['attention_beta', grads.dBeta],
    ];
    return [
      ...affineGradients(grads, attrs),
      grads.dKernel,
      ...vectors.map(([name, grad]) => (inputs[name]!.size > 0 ? grad : tf.zeros([0]))),
    ];
  },
});

registerOpGradient({
  op: 'TfjsAttentiveNorm',
  inputsToSave: ['x', ...LEARNED, ...STATE],
  outputsToSave: [false, false, false, false, false, false, true],
  gradient(dy, saved, attrs) {
    const { update_rate: _rate, unbiased: _unbiased, ...rest } = attrs;
    const names = ['x', ...LEARNED, ...STATE, 'moments'];
    const inputs: Inputs = Object.fromEntries(names.map((name, i) => [name, saved[i]!]));
    const grads = runOp('TfjsAttentiveNormGrad', { dy, ...inputs }, rest);
    // y is a constant of the running statistics. A tensor each: tfjs disposes gradients that it adds up.
    return Object.fromEntries([
      ...['x', ...LEARNED].map((name, i) => [name, grads[i]!]),
      ...STATE.map((name) => [name, tf.zerosLike(inputs[name]!)]),
    ]);
  },
});
