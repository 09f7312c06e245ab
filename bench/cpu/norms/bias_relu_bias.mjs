const PARTS = {
  relu: true,
  use_scale: false,
  use_bias: true,
  use_shift: true,
  use_residual: false,
};

// Two tensors forward and three backward.
export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.2, backward: 1.5 },
  parameters: [],
  tensors: (tf) => ({ before: tf.zeros([1]), after: tf.ones([1]) }),
  ours:
    ({ ops }, { before, after }) =>
    (x) =>
      ops.biasReluBias(x, before, after),
  composed:
    (tf, { before, after }) =>
    (x) =>
      tf.relu(x.add(before)).add(after),
  kernel: ({ x, before, after, none }) => ({
    op: 'TfjsFixup',
    inputs: { x, scale: none, bias: before, shift: after, residual: none },
    outputs: ['y'],
    gradInputs: ['scale', 'bias', 'residual'],
    attributes: PARTS,
  }),
};
