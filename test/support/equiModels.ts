/** Small models for the walk of equi-normalization: layers with ReLU, chains and blocks of them. */
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from './arrays';
import { tensor } from './tensors';

const { layers } = tf;
export const conv = (filters: number, more = {}) =>
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', ...more });
export const dense = (units: number, more = {}) =>
  layers.dense({ units, activation: 'relu', ...more });
export const batchNorm = () => layers.batchNormalization({});
export const relu = () => layers.reLU();
export const IMAGE = [6, 6, 3];

export const sequential = (...list: unknown[]) => tf.sequential({ layers: list as never });

export function functional(
  build: (x: SymbolicTensor) => SymbolicTensor,
  shape = IMAGE,
): LayersModel {
  const x = tf.input({ shape });
  return tf.model({ inputs: x, outputs: build(x) });
}

export const apply = (x: SymbolicTensor, ...list: { apply(x: never): unknown }[]) =>
  list.reduce((y, layer) => layer.apply(y as never) as SymbolicTensor, x);
export const add = (...of: SymbolicTensor[]) => layers.add().apply(of) as SymbolicTensor;

/** A residual block: two convolutions, and a third one as shortcut where the channels change. */
export function block(x: SymbolicTensor, filters: number, project: boolean): SymbolicTensor {
  const branch = apply(x, conv(filters), conv(filters, { activation: 'linear' }));
  const shortcut = project
    ? apply(x, layers.conv2d({ filters, kernelSize: 1, useBias: false }))
    : x;
  return apply(add(branch, shortcut), relu());
}

export const end = () => [layers.globalAveragePooling2d({}), dense(4, { activation: 'softmax' })];

/** Weights of all sizes, biases that are not 0, positive variances. */
export function shake(model: LayersModel): void {
  tf.tidy(() => {
    model.weights.forEach((weight, i) => {
      const values = tensor(normal(weight.shape as number[], i + 1));
      const positive = weight.originalName.endsWith('variance');
      const scale = positive ? 1 : 2 ** ((i % 5) - 2);
      weight.write(tf.mul(positive ? tf.add(tf.square(values), 0.5) : values, scale));
    });
  });
}

/** Of each group: the number of units, weights that produce them, biases, and weights that consume them. */
export type GroupSizes = [units: number, producers: number, biases: number, consumers: number][];

export const sizes = (model: LayersModel, options = {}): GroupSizes =>
  norm
    .buildScalingGroups(model, options)
    .map(({ units, producers, biases, consumers }) => [
      units,
      producers.length,
      biases!.length,
      consumers.length,
    ]);
