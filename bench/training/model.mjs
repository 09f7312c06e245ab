// The small residual network of the training bench: a stem and three stages of one basic block (16, 32, 64 channels), norm after each
// convolution, ten classes.

export const GROUPS = 8;
export const CLASSES = 10;
const WIDTHS = [16, 32, 64];

/** A group norm layer from plain tfjs ops, as its users write it today. */
export function composedGroupNorm(tf, groups = GROUPS) {
  return new (class ComposedGroupNorm extends tf.layers.Layer {
    static className = 'ComposedGroupNorm';

    build(shape) {
      const size = [shape.at(-1)];
      this.gamma = this.addWeight('gamma', size, 'float32', tf.initializers.ones());
      this.beta = this.addWeight('beta', size, 'float32', tf.initializers.zeros());
      super.build(shape);
    }

    call(inputs) {
      return tf.tidy(() => {
        const x = Array.isArray(inputs) ? inputs[0] : inputs;
        const grouped = x.reshape([x.shape[0], -1, groups, x.shape.at(-1) / groups]);
        const { mean, variance } = tf.moments(grouped, [1, 3], true);
        return grouped
          .sub(mean)
          .mul(variance.add(1e-3).rsqrt())
          .reshape(x.shape)
          .mul(this.gamma.read())
          .add(this.beta.read());
      });
    }
  })({});
}

/** Compiled with momentum; `makeNorm()` gives each norm layer. */
export function residualNetwork(tf, size, makeNorm) {
  let seed = 1;
  const convolution = (x, filters, kernelSize, strides) =>
    tf.layers
      .conv2d({
        filters,
        kernelSize,
        strides,
        padding: 'same',
        useBias: false,
        kernelInitializer: tf.initializers.heNormal({ seed: seed++ }),
      })
      .apply(x);
  const norm = (x) => makeNorm().apply(x);
  const relu = (x) => tf.layers.reLU().apply(x);

  const input = tf.input({ shape: [size, size, 3] });
  let x = relu(norm(convolution(input, WIDTHS[0], 3, 1)));
  for (const [stage, filters] of WIDTHS.entries()) {
    const strides = stage === 0 ? 1 : 2;
    const inner = relu(norm(convolution(x, filters, 3, strides)));
    const residual = norm(convolution(inner, filters, 3, 1));
    const shortcut = strides === 1 ? x : norm(convolution(x, filters, 1, strides));
    x = relu(tf.layers.add().apply([residual, shortcut]));
  }
  x = tf.layers.globalAveragePooling2d({}).apply(x);
  const kernelInitializer = tf.initializers.glorotUniform({ seed: seed++ });
  const outputs = tf.layers
    .dense({ units: CLASSES, activation: 'softmax', kernelInitializer })
    .apply(x);
  const model = tf.model({ inputs: input, outputs });
  model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss: 'categoricalCrossentropy' });
  return model;
}
