// Our ops on one shape: forward, backward alone, and both through tf.grads as training runs them.

const COMMON = { epsilon: 1e-3, scale: true, center: true };

function attributesOf(name, rank, channels, groups) {
  switch (name) {
    case 'layer':
      return { op: 'TfjsLayerNorm', attributes: { begin_axis: rank - 1, ...COMMON } };
    case 'rms':
      return {
        op: 'TfjsRmsNorm',
        attributes: {
          ...COMMON,
          begin_axis: rank - 1,
          epsilon: 1e-6,
          epsilon_inside: true,
          partial: 0,
          center: false,
        },
      };
    case 'batch':
      return {
        op: 'TfjsBatchNorm',
        attributes: { axis: rank - 1, virtual_batch_size: 0, ...COMMON },
        forwardOnly: { update_rate: 0.01, unbiased: false },
      };
    case 'switchable':
      return {
        op: 'TfjsSwitchableNorm',
        attributes: {
          ...COMMON,
          axis: rank - 1,
          training: true,
          use_batch: true,
          unbiased_spatial_variance: false,
        },
        forwardOnly: { update_rate: 0.1 },
      };
    default:
      return {
        op: 'TfjsGroupNorm',
        attributes: { axis: rank - 1, groups: name === 'instance' ? channels : groups, ...COMMON },
      };
  }
}

function publicOp(norm, name, { mean, variance, logits, groups }) {
  const { ops } = norm;
  return {
    batch: (x, gamma, beta) =>
      ops.batchNorm(x, { gamma, beta, movingMean: mean, movingVariance: variance }).y,
    inference: (x, gamma, beta) => ops.batchNormInference(x, { gamma, beta, mean, variance }),
    group: (x, gamma, beta) => ops.groupNorm(x, { gamma, beta, groups }),
    instance: (x, gamma, beta) => ops.instanceNorm(x, { gamma, beta }),
    switchable: (x, gamma, beta) =>
      ops.switchableNorm(x, {
        gamma,
        beta,
        meanLogits: logits,
        varianceLogits: logits,
        movingMean: mean,
        movingVariance: variance,
      }).y,
    layer: (x, gamma, beta) => ops.layerNorm(x, { gamma, beta }),
    rms: (x, gamma) => ops.rmsNorm(x, { gamma }),
  }[name];
}

export function nativeCalls({ norm, tf }, name, shape, groups) {
  const channels = shape.at(-1);
  const tensors = tf.tidy(() => ({
    x: tf.randomNormal(shape, 0.5, 1.5, 'float32', 1),
    dy: tf.randomNormal(shape, 0, 1, 'float32', 2),
    gamma: tf.randomNormal([channels], 1, 0.2, 'float32', 3),
    beta: tf.randomNormal([channels], 0, 0.2, 'float32', 4),
    mean: tf.randomNormal([channels], 0.5, 0.1, 'float32', 5),
    variance: tf.randomUniform([channels], 0.5, 2, 'float32', 6),
    logits: tf.ones([3]),
  }));
  const { x, dy, gamma, beta, mean, variance, logits } = tensors;
  const run = publicOp(norm, name, { mean, variance, logits, groups });
  const forward = () => tf.tidy(() => run(x, gamma, beta));
  const wanted = name === 'rms' ? [x, gamma] : [x, gamma, beta];
  if (name === 'inference') return { tensors, wanted, forward, dispose: () => tf.dispose(tensors) };

  const { op, attributes, forwardOnly } = attributesOf(name, shape.length, channels, groups);
  const runKernel = (kernel, inputs, attrs) => tf.engine().runKernel(kernel, inputs, attrs);
  const offset = name === 'rms' ? tf.zeros([0]) : beta;
  const moving = { moving_mean: mean, moving_variance: variance };
  const mixing = { mean_logits: logits, variance_logits: logits, ...moving };
  const state = name === 'batch' ? moving : name === 'switchable' ? mixing : {};
  const gradState = name === 'switchable' ? mixing : {};
  const outputs = runKernel(
    op,
    { x, gamma, beta: offset, ...state },
    { ...attributes, ...forwardOnly },
  );
  const saved = outputs.at(-1);
  tf.dispose(outputs.slice(0, -1));
  const savedName = name === 'rms' ? 'mean_square' : 'moments';
  const gradients = tf.grads(run);
  return {
    tensors,
    wanted,
    forward,
    backward: () =>
      runKernel(`${op}Grad`, { dy, x, gamma, ...gradState, [savedName]: saved }, attributes),
    forwardAndBackward: () => gradients(wanted, dy),
    dispose: () => tf.dispose([tensors, saved, offset]),
  };
}
