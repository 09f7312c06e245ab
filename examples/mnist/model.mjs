// A small convolutional network with a norm after every convolution.

/** name -> the function of `norm.layers` that makes the layer, and its arguments. */
const NORMS = {
  batch: ['batchNormalization', { momentum: 0.9 }],
  group: ['groupNormalization', { groups: 4 }],
  instance: ['instanceNormalization'],
  layer: ['layerNormalization'],
  rms: ['rmsNormalization'],
  switchable: ['switchableNormalization'],
  // Over few samples batch norm of the attention is poor; sums of ten sigmoids make the features five times as large.
  attentive: ['attentiveNormalization', { attentionNorm: 'layer', attentionActivation: 'softmax' }],
  online: ['onlineNormalization'],
  frn: ['filterResponseNormalization', { tlu: true }],
  grn: ['globalResponseNormalization'],
  dyt: ['dynamicTanh'],
  evonorm: ['evoNormS0', { groups: 4 }],
};

/** Norms the demo can compare: name -> new layer. */
export function normLayers({ layers }) {
  const entries = Object.entries(NORMS);
  return Object.fromEntries(
    entries.map(([name, [make, args]]) => [name, () => layers[make](args)]),
  );
}

/** Compiled, with a step size for this batch size: it shrinks with the batch, as is usual in the literature. */
export function buildModel(tf, makeNorm, batchSize) {
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
    optimizer: tf.train.momentum(0.02 * Math.sqrt(batchSize / 32), 0.9),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}
