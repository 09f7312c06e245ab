/** Gains and biases from the outputs of a layer with directions alone. */
import type { layers, Tensor } from '@tensorflow/tfjs-node';
import { centre } from '../core/composed/statistics';
import type { Fail } from '../core/errors';
import type { LayerVariable } from '../core/layer';
import { warn } from '../core/warn';
import { tf } from '../tensorflow';
import { isRecurrent, substituted } from './kernelPlace';

type Fields = layers.Layer & {
  bias?: LayerVariable | null;
  activation?: unknown;
  dataFormat?: string;
};

const { activation: LINEAR } = tf.layers.dense({
  units: 1,
  activation: 'linear',
  name: 'linear',
}) as unknown as Fields;

export interface DataInit {
  /** For each of the gains, flat. */
  gain: Tensor;
  bias: { variable: LayerVariable; value: Tensor } | null;
}

/**
 * With t = v.x / ||v||, its mean m and variance over a batch and all positions: g = scale / sqrt(variance + epsilon) and
 * bias = -m g. `call` gives the outputs of the layer with the kernel v / ||v||.
 *
 * A recurrent layer's outputs are what its activation leaves of them; their deviation is taken for all gates alike and
 * its bias stays, as in TF-Addons. Null where the batch gives a single value for each output, which has no deviation.
 */
export function dataInit(
  fail: Fail,
  layer: layers.Layer,
  scale: number,
  gains: number,
  call: () => Tensor | Tensor[],
): DataInit | null {
  const fields = layer as Fields;
  const { bias = null } = fields;
  const output = isRecurrent(layer)
    ? call()
    : substituted(
        layer,
        {
          ...(fields.activation ? { activation: LINEAR } : {}),
          ...(bias ? { bias: { read: () => tf.zeros(bias.shape as number[]) } } : {}),
        },
        call,
      );
  const t = Array.isArray(output) ? output[0]! : output;
  const channel = fields.dataFormat === 'channelsFirst' ? 1 : t.rank - 1;
  const outputs = t.shape[channel]!;
  if (gains % outputs !== 0 || (gains !== outputs && !isRecurrent(layer))) {
    fail('dataInit', `needs a gain for each of the ${outputs} outputs`, `${gains} gains`);
  }
  if (t.size < 2 * outputs) return null;
  const axes = t.shape.map((_, axis) => axis).filter((axis) => axis !== channel);
  const { centred, hi, lo } = centre(t, axes);
  const variance = tf.reshape(tf.mean(tf.square(centred), axes), [outputs]);
  const constant = tf.sum(tf.equal(variance, 0)).dataSync()[0]!;
  if (constant > 0) {
    warn(
      `${layer.name}: ${constant} of ${outputs} outputs are constant on the batch of dataInit; ` +
        'their gains become very large',
    );
  }
  const epsilon = t.rank === 2 ? 1e-10 : 1e-8;
  const g = tf.div(scale, tf.sqrt(tf.add(variance, epsilon)));
  const mean = tf.reshape(tf.add(hi, lo), [outputs]);
  return {
    gain: tf.tile(g, [gains / outputs]),
    bias: bias && { variable: bias, value: tf.neg(tf.mul(mean, g)) },
  };
}
