import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../../src';
import type { WeightAdapters, WeightCase } from '../../../support/goldenWeights';

const optionsOf = (r: Tensor | undefined, { attrs }: WeightCase) => ({
  output: attrs.output,
  threshold: attrs.threshold,
  ...(r || attrs.r !== undefined ? { r: r ?? attrs.r } : {}),
  ...(attrs.alpha === undefined ? {} : { alpha: attrs.alpha }),
});

export const ops: WeightAdapters = {
  // One input to one unit, each with its own weight.
  GhdElementwise: ({ a, b }) => {
    const pairs = tf
      .unstack(a!)
      .map((x, i) =>
        norm.ops.hammingDense(tf.reshape(x, [1, 1]), tf.reshape(tf.slice(b!, i, 1), [1, 1])),
      );
    return { y: tf.reshape(tf.concat(pairs), [pairs.length]) };
  },
  GhdDense: ({ x, kernel, r }, c) => ({ y: norm.ops.hammingDense(x!, kernel!, optionsOf(r, c)) }),
  GhdConv2D: ({ x, kernel, r }, c) => {
    const { strides, dilation: dilationRate, padding, padMode } = c.attrs;
    const options = { ...optionsOf(r, c), strides, dilationRate, padding, padMode };
    return { y: norm.ops.hammingConv2d(x as never, kernel as never, options) };
  },
  // The file has products of what is not shifted, and the means that take the shift out.
  GhdEpilogue: ({ acc, meanX, meanW }, c) => {
    const taps = c.attrs.L;
    const centered = tf.sub(tf.sub(tf.add(tf.mul(acc!, 2 / taps), 0.5), meanX!), meanW!);
    const shifted = tf.mul(centered, taps / 2);
    return { y: norm.ops.hammingEpilogue(shifted, { taps, ...optionsOf(undefined, c) }) };
  },
};
