/** Generalized Hamming distances to the kernels of a convolution. */
import type { Tensor, Tensor4D, TensorLike } from '@tensorflow/tfjs-node';
import { checkChoice, checkOptions, checkPair } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import {
  type HammingOptions,
  type HammingPadMode,
  PAD_MODES,
  PADDINGS,
  spanOf,
  tapsWithin,
  type Window,
} from '../core/hamming';
import { toInput, toTensor } from '../core/tensors';
import { tf } from '../tensorflow';
import { runEpilogue } from './generalizedHamming';

/** Options of {@link hammingConv2d}. */
export interface HammingConv2dOptions extends HammingOptions {
  /** One positive integer, or one for each of height and width. Default 1. */
  strides?: number | [number, number];
  /** 'valid' or 'same'. Default 'valid'. */
  padding?: 'valid' | 'same';
  /** As strides; not above 1 where strides are. Default 1. */
  dilationRate?: number | [number, number];
  /** What a tap in the padding is: 'zero', the fuzzy 1/2 with 'neutral', or with 'count' none. Default 'zero'. */
  padMode?: HammingPadMode;
}

export function checkDilation(fail: Fail, value: unknown, strides: Pair): Pair {
  const dilations = checkPair(fail, 'dilationRate', value);
  if (Math.max(...strides) > 1 && Math.max(...dilations) > 1) {
    fail('dilationRate', `must be 1 with strides [${strides}]`, value);
  }
  return dilations;
}

type Pair = [number, number];

/** A kernel with zeros between its taps, dilated as the other one is by the convolution. */
function spread(kernel: Tensor4D, [rows, columns]: Pair): Tensor4D {
  const [height, width, inputs, outputs] = kernel.shape;
  const apart = tf.pad(tf.reshape(kernel, [height, 1, width, 1, inputs, outputs]), [
    [0, 0],
    [0, rows - 1],
    [0, 0],
    [0, columns - 1],
    [0, 0],
    [0, 0],
  ]);
  const all = tf.reshape(apart, [height * rows, width * columns, inputs, outputs]) as Tensor4D;
  const extents = [(height - 1) * rows + 1, (width - 1) * columns + 1, inputs, outputs];
  return tf.slice(all, [0, 0, 0, 0], extents as [number, number, number, number]);
}

/** tf.conv2d, whose gradient knows no dilation: that is taken from a kernel with zeros in it. */
function conv2d(
  x: Tensor4D,
  kernel: Tensor4D,
  strides: Pair,
  pad: 'valid' | 'same',
  dilations: Pair,
): Tensor4D {
  if (dilations[0] === 1 && dilations[1] === 1) return tf.conv2d(x, kernel, strides, pad);
  const convolve = tf.customGrad((...given) => {
    const [input, filter] = given as unknown as [Tensor4D, Tensor4D];
    const save = given.at(-1) as unknown as (tensors: Tensor[]) => void;
    save([input, filter]);
    return {
      value: tf.conv2d(input, filter, strides, pad, 'NHWC', dilations),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedInput, savedFilter] = saved as [Tensor4D, Tensor4D];
        const wide = spread(savedFilter, dilations);
        const attrs = { strides, pad, dataFormat: 'NHWC', dimRoundingMode: undefined };
        const run = (name: string, inputs: object, more: object) =>
          tf.engine().runKernel(name, inputs as never, { ...attrs, ...more } as never) as Tensor;
        const dx = run(
          'Conv2DBackpropInput',
          { dy, filter: wide },
          { inputShape: savedInput.shape },
        );
        const dwide = run(
          'Conv2DBackpropFilter',
          { x: savedInput, dy },
          { filterShape: wide.shape },
        );
        const dfilter = tf.stridedSlice(dwide, [0, 0, 0, 0], wide.shape as number[], [
          dilations[0],
          dilations[1],
          1,
          1,
        ]);
        return [dx, dfilter];
      },
    };
  });
  return convolve(x, kernel) as Tensor4D;
}

function hammingConv2d_(
  value: Tensor4D | TensorLike,
  weights: Tensor4D | TensorLike,
  given?: HammingConv2dOptions,
): Tensor4D {
  const fail = opFail('hammingConv2d');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 4) as Tensor4D;
  if (x.rank !== 4) fail('x', 'must have rank 4', x.shape);
  const kernel = toTensor(fail, 'kernel', weights) as Tensor4D;
  const inputs = x.shape[3];
  if (kernel.rank !== 4 || kernel.shape[2] !== inputs || kernel.size === 0) {
    fail('kernel', `must have shape [height, width, ${inputs}, filters], not empty`, kernel.shape);
  }
  const strides = checkPair(fail, 'strides', options.strides ?? 1);
  const dilations = checkDilation(fail, options.dilationRate ?? 1, strides);
  const padding = checkChoice(fail, 'padding', PADDINGS, options.padding ?? 'valid');
  const padMode = checkChoice(fail, 'padMode', PAD_MODES, options.padMode ?? 'zero');
  const windows = ([0, 1] as const).map(
    (axis): Window => ({
      input: x.shape[axis + 1]!,
      kernel: kernel.shape[axis]!,
      stride: strides[axis],
      dilation: dilations[axis],
      padding,
    }),
  );
  const [rows, columns] = windows.map(spanOf) as [
    ReturnType<typeof spanOf>,
    ReturnType<typeof spanOf>,
  ];
  if (rows.outputs === 0 || columns.outputs === 0) {
    fail('x', 'must be as large as the kernel with its dilation, in height and width', x.shape);
  }
  const padded = rows.before + rows.after + columns.before + columns.after > 0;

  const shifted = tf.sub(x, 0.5) as Tensor4D;
  // Zeros around x are -1/2 around the shifted one, zeros around that are 1/2 around x.
  const explicit = padded && padMode === 'zero';
  const operand = explicit
    ? tf.pad4d(
        shifted,
        [
          [0, 0],
          [rows.before, rows.after],
          [columns.before, columns.after],
          [0, 0],
        ],
        -0.5,
      )
    : shifted;
  const pad = explicit || !padded ? 'valid' : 'same';
  const acc = conv2d(operand, tf.sub(kernel, 0.5), strides, pad, dilations);
  const [height, width] = kernel.shape;
  const counted = padded && padMode === 'count';
  const [inRows, inColumns] = windows.map(tapsWithin) as [number[], number[]];
  // Where no tap is within, c is 0 by any number.
  const taps = counted
    ? inRows.flatMap((row) => inColumns.map((column) => Math.max(1, row * column) * inputs))
    : height * width * inputs;
  return runEpilogue(fail, acc, taps, options) as Tensor4D;
}

/**
 * A two-dimensional convolution by generalized Hamming distances, h(a, b) = a + b - 2ab, in the place of products: its
 * bias follows from input and weights.
 *
 *     g = mean over the taps of h(x, w)    c = 1/2 - g = (2 / L) sum over the taps of (x - 1/2) (w - 1/2)
 *
 * thresholded and given out as `hammingEpilogue` says. `x` is [batch, height, width, inputs] and `kernel` [height,
 * width, inputs, filters]; L is their product without the filters. With padding 'same' a tap in the padding is x = 0
 * (`padMode` 'zero'), x = 1/2, which adds nothing to c ('neutral'), or left out of the mean ('count': L is the number of
 * the others at that place, in y of output 'raw' too). Differentiable by `x`, `kernel` and, with the soft threshold,
 * `r`, with strides or dilation.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Fan, Revisit Fuzzy Neural Network: Demystifying Batch Normalization and ReLU with Generalized Hamming Network,
 * arXiv 1710.10328.
 */
export const hammingConv2d = tf.op({ hammingConv2d_ }) as typeof hammingConv2d_;
