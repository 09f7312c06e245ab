// The soft threshold, with a learned r for each channel.
const TAPS = 576;
const ALPHA = 8;

export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.5, backward: 2 },
  parameters: ['r'],
  tensors: (tf, shape) => ({ taps: tf.tensor1d([TAPS]), r: tf.fill([shape.at(-1)], 0.1) }),
  ours:
    ({ ops }) =>
    (x, r) =>
      ops.hammingEpilogue(x, { taps: TAPS, threshold: 'soft', r, alpha: ALPHA }),
  composed: (tf) => (x, r) => {
    const c = x.mul(2 / TAPS);
    const above = c.sub(r).mul(ALPHA).sigmoid();
    const below = c.neg().sub(r).mul(ALPHA).sigmoid();
    return tf.sub(0.5, c.mul(above.add(below)));
  },
  kernel: ({ x, taps, r }) => ({
    op: 'TfjsHammingEpilogue',
    inputs: { acc: x, taps, r },
    outputs: ['y'],
    gradInputs: ['acc', 'taps', 'r'],
    attributes: { output: 0, threshold: 3, alpha: ALPHA },
  }),
};
