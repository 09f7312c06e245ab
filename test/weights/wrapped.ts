/** Every kind of layer that can be wrapped, with an input that it takes. */
import type { layers, Tensor } from '@tensorflow/tfjs';
import { tf } from '../../src';
import { normal } from '../support/arrays';
import { tensor } from '../support/tensors';

export interface Wrapped {
  name: string;
  make: (args?: object) => layers.Layer;
  /** Of the input, with the batch. */
  shape: number[];
  kernel: string;
  /** The axes of the kernel that have a gain each. */
  axis: number | number[];
  gains: number[];
  recurrent?: boolean;
}

const filters = 4;
const kernelSize = 3;

export const everyLayer: Wrapped[] = [
  {
    name: 'dense',
    make: (args) => tf.layers.dense({ units: 4, ...args }),
    shape: [6, 5],
    kernel: 'kernel',
    axis: -1,
    gains: [4],
  },
  {
    name: 'conv1d',
    make: (args) => tf.layers.conv1d({ filters, kernelSize, ...args }),
    shape: [2, 7, 3],
    kernel: 'kernel',
    axis: -1,
    gains: [4],
  },
  {
    name: 'conv2d',
    make: (args) => tf.layers.conv2d({ filters, kernelSize, padding: 'same', ...args }),
    shape: [2, 5, 5, 3],
    kernel: 'kernel',
    axis: -1,
    gains: [4],
  },
  {
    name: 'conv3d',
    make: (args) => tf.layers.conv3d({ filters, kernelSize: 2, ...args }),
    shape: [2, 3, 3, 3, 2],
    kernel: 'kernel',
    axis: -1,
    gains: [4],
  },
  {
    name: 'conv2dTranspose',
    make: (args) => tf.layers.conv2dTranspose({ filters, kernelSize, strides: 2, ...args }),
    shape: [2, 3, 3, 2],
    kernel: 'kernel',
    axis: -2,
    gains: [4],
  },
  {
    name: 'conv3dTranspose',
    make: (args) => tf.layers.conv3dTranspose({ filters, kernelSize: 2, ...args }),
    shape: [2, 2, 2, 2, 2],
    kernel: 'kernel',
    axis: -2,
    gains: [4],
  },
  {
    name: 'depthwiseConv2d',
    make: (args) => tf.layers.depthwiseConv2d({ kernelSize, depthMultiplier: 2, ...args } as never),
    shape: [2, 5, 5, 3],
    kernel: 'depthwise_kernel',
    axis: [-2, -1],
    gains: [3, 2],
  },
  {
    name: 'separableConv2d',
    // tfjs does not save a depthMultiplier.
    make: (args) => tf.layers.separableConv2d({ filters, kernelSize, ...args }),
    shape: [2, 5, 5, 3],
    kernel: 'pointwise_kernel',
    axis: -1,
    gains: [4],
  },
  {
    name: 'convLstm2d',
    make: (args) => tf.layers.convLstm2d({ filters: 2, kernelSize, padding: 'same', ...args }),
    shape: [2, 3, 4, 4, 1],
    kernel: 'recurrent_kernel',
    axis: -1,
    gains: [8],
    recurrent: true,
  },
  ...(['simpleRNN', 'gru', 'lstm', 'lstmCell'] as const).map((name, i) => ({
    name,
    make: (args?: object) =>
      name === 'lstmCell'
        ? tf.layers.rnn({ cell: tf.layers.lstmCell({ units: 3 }), ...args } as never)
        : tf.layers[name]({ units: 3, ...args }),
    shape: [3, 4, 2],
    kernel: 'recurrent_kernel',
    axis: -1,
    gains: [[3, 9, 12, 12][i]!],
    recurrent: true,
  })),
];

export const inputOf = ({ shape }: Wrapped, seed = 1): Tensor =>
  tensor(normal(shape, seed, { mean: 0.5, deviation: 2 }));

/** The layer's weight of this name. */
export const weightOf = (layer: layers.Layer, name: string) =>
  layer.weights.find(({ originalName }) => originalName.split('/').at(-1) === name)!;

/** A layer of the same configuration and weights, with this kernel. */
export function withKernel(
  { make, kernel, shape }: Wrapped,
  args: object,
  like: layers.Layer,
  value: Tensor,
): layers.Layer {
  const plain = make(args);
  plain.build(shape);
  plain.built = true;
  for (const weight of plain.weights) {
    const name = weight.originalName.split('/').at(-1)!;
    weight.write(name === kernel ? value : weightOf(like, name).read());
  }
  return plain;
}
