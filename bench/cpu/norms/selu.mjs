export const LAMBDA = 1.0507009873554805;
export const SATURATION = 1.7580993408473766;

const attributes = { positive: LAMBDA, negative: SATURATION };

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.1, backward: 1.5 },
  parameters: [],
  ours:
    ({ ops }) =>
    (x) =>
      ops.selu(x),
  composed: (tf) => (x) => tf.selu(x),
  kernel: ({ x }) => ({
    op: 'TfjsSelu',
    inputs: { x },
    outputs: ['y'],
    gradInputs: ['y'],
    attributes,
  }),
};
