/** Calls of attentive norm with a kernel that layer, op and reference know. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalizeAxis } from './arrays';
import type { Options } from './reference';

export const K = 3;
/** As large as the layer's own, and the same for layer, op and reference. */
export const KERNEL = { className: 'RandomNormal', config: { mean: 0, stddev: 0.8, seed: 7 } };

export function kernelOf(k: number, channels: number): Float64Array {
  const initializer = tf.initializers.randomNormal(KERNEL.config);
  const kernel = tf.tidy(() => initializer.apply([k, channels]).dataSync());
  return Float64Array.from(kernel);
}

export const matrix = (k: number, channels: number, data = kernelOf(k, channels)) =>
  tf.tensor2d(Float32Array.from(data), [k, channels]);

/** A kernel of its own and fresh running statistics; `options` replaces any. */
export function call(x: Tensor, options: Record<string, unknown>): Tensor {
  return tf.tidy(() => {
    const { axis = -1, backbone, attentionNorm, k = K, ...rest } = options as Options;
    const channels = x.shape?.[normalizeAxis(axis as number, x.rank)] ?? 0;
    const state = (size: number, names: [string, string], wanted: boolean) =>
      wanted ? { [names[0]]: tf.zeros([size]), [names[1]]: tf.ones([size]) } : {};
    return norm.ops.attentiveNorm(x, {
      attentionKernel: matrix(k, channels),
      ...state(channels, ['movingMean', 'movingVariance'], backbone !== 'group'),
      ...state(
        k,
        ['attentionMovingMean', 'attentionMovingVariance'],
        (attentionNorm ?? 'batch') === 'batch',
      ),
      axis: axis as number,
      backbone,
      attentionNorm,
      ...rest,
    }).y;
  });
}

export const group = (groups: number) => ({ backbone: 'group' as const, groups });
