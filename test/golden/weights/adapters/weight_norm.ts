import { norm, tf } from '../../../../src';
import type { WeightAdapters } from '../../../support/goldenWeights';
import { disposeLayer } from '../../../support/tensors';

/** Kept are the axes that the file does not reduce. */
function keptAxes(rank: number, reduced: number[], kind: string): number[] | null {
  const kept = Array.from({ length: rank }, (_, axis) => axis).filter((a) => !reduced.includes(a));
  return kind === 'all' ? null : kept;
}

export const ops: WeightAdapters = {
  WeightNorm: ({ v, g }, { attrs: { axes, kind, center, epsilon } }) => ({
    y: norm.ops.weightNorm(v!, { g, axis: keptAxes(v!.rank, axes, kind), center, epsilon }),
  }),
  WeightNormConv2D: ({ x, v, g, b }, { attrs: { strides, padding } }) => ({
    y: tf.add(tf.conv2d(x as never, norm.ops.weightNorm(v!, { g }) as never, strides, padding), b!),
  }),
  // By the layer, in its first call in training; it has epsilon 1e-10 for dense layers and 1e-8 for others.
  WeightNormDataInit: ({ x, v }, { attrs: { initScale, padding } }) => {
    const filters = v!.shape.at(-1)!;
    const inner =
      v!.rank === 2
        ? tf.layers.dense({ units: filters })
        : tf.layers.conv2d({ filters, kernelSize: v!.shape.slice(0, 2), padding });
    const layer = norm.layers.weightNormalization({ layer: inner, initScale });
    layer.build(x!.shape);
    const [g, , b, initialized] = layer.getWeights();
    layer.setWeights([g!, v!, b!, initialized!]);
    const y = layer.apply(x!, { training: true }) as typeof x;
    const [newG, , newB] = layer.getWeights().map((weight) => tf.clone(weight));
    disposeLayer(layer);
    return { g: newG!, b: newB!, y: y! };
  },
  MeanOnlyBatchNorm: ({ x, beta, movingMean }, { attrs: { momentum } }) => {
    const result = norm.ops.meanOnlyBatchNorm(x!, { movingMean: movingMean!, beta, momentum });
    return { y: result.y, newMovingMean: result.movingMean };
  },
};
