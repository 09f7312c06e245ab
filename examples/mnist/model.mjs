// A small convolutional network with a norm after every convolution.

/** Norms the demo can compare: name -> layer of this package. */
export function normLayers(norm) {
  return {
    batch: () => norm.layers.batchNormalization({ momentum: 0.9 }),
    group: () => norm.layers.groupNormalization({ groups: 4 }),
    instance: () => norm.layers.instanceNormalization(),
    layer: () => norm.layers.layerNormalization(),
    rms: () => norm.layers.rmsNormalization(),
    switchable: () => norm.layers.switchableNormalization(),
  };
}

export function buildModel(tf, makeNorm, learningRate) {
  let seed = 1;
  const kernelInitializer = () => tf.initializers.heNormal({ seed: seed++ });
  const block = (filters, strides, extra = {}) => [
    tf.layers.conv2d({
      filters,
      strides,
      kernelSize: 3,
      padding: 'same',
      useBias: false,
      kernelInitializer: kernelInitializer(),
      ...extra,
    }),
    makeNorm(),
    tf.layers.reLU(),
  ];
  const model = tf.sequential({
    layers: [
      ...block(8, 2, { inputShape: [28, 28, 1] }),
      ...block(16, 2),
      tf.layers.flatten(),
      tf.layers.dense({
        units: 10,
        activation: 'softmax',
        kernelInitializer: tf.initializers.glorotUniform({ seed: seed++ }),
      }),
    ],
  });
  model.compile({
    optimizer: tf.train.momentum(learningRate, 0.9),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}
