import { COEFFICIENTS, composedAlphaDropout, OPTIONS, RANDOM } from './alpha_dropout.mjs';
import { LAMBDA, SATURATION } from './selu.mjs';

const { a, b } = COEFFICIENTS;

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.2, backward: 1.5 },
  parameters: [],
  tensors: (tf) => ({ seed: tf.tensor1d([42, 0, 0, 0, 0, 0, 0, 0]) }),
  ours:
    ({ ops }) =>
    (x) =>
      ops.seluAlphaDropout(x, OPTIONS),
  composed: (tf) => (x) => composedAlphaDropout(tf)(tf.selu(x)),
  kernel: ({ x, seed }) => ({
    op: 'TfjsSeluAlphaDropout',
    inputs: { x, seed },
    outputs: ['y'],
    gradInputs: ['y'],
    attributes: { positive: a * LAMBDA, negative: a * SATURATION, offset: b },
    forwardOnly: RANDOM,
  }),
};
