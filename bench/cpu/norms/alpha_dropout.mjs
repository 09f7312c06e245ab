import { SATURATION } from './selu.mjs';

const RATE = 0.1;
const KEPT = 1 - RATE;
const A = (KEPT * (1 + RATE * SATURATION ** 2)) ** -0.5;
const B = A * RATE * SATURATION;

export const COEFFICIENTS = { a: A, b: B };
export const RANDOM = { threshold: Math.ceil(RATE * 2 ** 24), shared_axes: 0 };
export const OPTIONS = { rate: RATE, seed: 42 };

/** As the layer of tfjs has it, the sign of what is dropped put right. */
export const composedAlphaDropout = (tf) => (x) => {
  const kept = tf.randomUniform(x.shape).greaterEqual(RATE).cast('float32');
  return x.mul(kept).add(kept.sub(1).mul(SATURATION)).mul(A).add(B);
};

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.2, backward: 1.2 },
  parameters: [],
  tensors: (tf) => ({ seed: tf.tensor1d([42, 0, 0, 0, 0, 0, 0, 0]) }),
  ours:
    ({ ops }) =>
    (x) =>
      ops.alphaDropout(x, OPTIONS),
  composed: composedAlphaDropout,
  kernel: ({ x, seed }) => ({
    op: 'TfjsAlphaDropout',
    inputs: { x, seed },
    outputs: ['y'],
    gradInputs: ['seed'],
    attributes: { slope: A, ...RANDOM },
    forwardOnly: { offset: B, dropped: B - A * SATURATION },
  }),
};
