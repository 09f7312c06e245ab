const PARTS = {
  relu: true,
  use_scale: true,
  use_bias: true,
  use_shift: false,
  use_residual: true,
};

// Three tensors forward and five backward, where x.add(0) has two.
export default {
  shapes: ['image', 'rows'],
  target: { forward: 1.8, backward: 3 },
  parameters: [],
  tensors: (tf, shape) => ({
    residual: tf.randomNormal(shape),
    scale: tf.ones([1]),
    bias: tf.zeros([1]),
  }),
  ours:
    ({ ops }, { residual, scale, bias }) =>
    (x) =>
      ops.scaleBiasResidual(x, { scale, bias, residual, activation: 'relu' }),
  composed:
    (tf, { residual, scale, bias }) =>
    (x) =>
      tf.relu(x.mul(scale).add(bias).add(residual)),
  kernel: ({ x, residual, scale, bias, none }) => ({
    op: 'TfjsFixup',
    inputs: { x, scale, bias, shift: none, residual },
    outputs: ['y'],
    gradInputs: ['scale', 'bias', 'residual'],
    attributes: PARTS,
  }),
};
