// What follows the products of a hidden layer: scale, relu threshold, distance.
const TAPS = 576;

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.1, backward: 1.5 },
  againstBatch: 1.25,
  parameters: [],
  tensors: (tf) => ({ taps: tf.tensor1d([TAPS]) }),
  ours:
    ({ ops }) =>
    (x) =>
      ops.hammingEpilogue(x, { taps: TAPS, threshold: 'relu' }),
  composed: (tf) => (x) => tf.sub(0.5, x.mul(2 / TAPS).relu()),
  kernel: ({ x, taps, none }) => ({
    op: 'TfjsHammingEpilogue',
    inputs: { acc: x, taps, r: none },
    outputs: ['y'],
    gradInputs: ['acc', 'taps', 'r'],
    attributes: { output: 0, threshold: 1, alpha: 1 },
  }),
};
