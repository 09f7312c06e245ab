// The gradient of a kernel [..., outputs], about half of whose units are longer than allowed.
const SETTINGS = { clipping: 1, epsilon: 1e-3 };

export default {
  shapes: ['image', 'rows'],
  target: { forward: 2 },
  parameters: [],
  ours:
    ({ ops }, { dy }) =>
    (x) =>
      ops.adaptiveGradClip(x, dy, SETTINGS),
  composed: (tf, t) => (x) => {
    const axes = Array.from({ length: x.rank - 1 }, (_, i) => i);
    const lengthOf = (of) => of.square().sum(axes, true).sqrt();
    const most = lengthOf(t.dy).maximum(SETTINGS.epsilon).mul(SETTINGS.clipping);
    const length = lengthOf(x);
    const factor = most.div(length.maximum(1e-6));
    return x.mul(tf.where(length.greaterEqual(most), factor, tf.onesLike(factor)));
  },
};
