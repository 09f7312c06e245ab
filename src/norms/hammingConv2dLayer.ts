/** The convolution of generalized Hamming distances as a layer. */
import type { Shape, serialization, Tensor, Tensor4D } from '@tensorflow/tfjs-node';
import { checkChoice, checkCount, checkPair } from '../core/checks';
import { type HammingPadMode, PAD_MODES, PADDINGS, spanOf } from '../core/hamming';
import { inputSpecOf, type Kwargs } from '../core/layer';
import { tf } from '../tensorflow';
import { checkDilation, hammingConv2d } from './hammingConv2d';
import { HammingLayer, type HammingLayerArgs } from './hammingLayer';

type Pair = [number, number];

/** Arguments of {@link HammingConv2D}. */
export interface HammingConv2DArgs extends HammingLayerArgs {
  /** The number of outputs at each place. */
  filters: number;
  /** Height and width of the kernel: one positive integer for both, or one for each. */
  kernelSize: number | Pair;
  /** As kernelSize. Default 1. */
  strides?: number | Pair;
  /** 'valid' or 'same'. Default 'valid'. */
  padding?: 'valid' | 'same';
  /** As kernelSize; not above 1 where strides are. Default 1. */
  dilationRate?: number | Pair;
  /** What a tap in the padding is: 'zero', the fuzzy 1/2 with 'neutral', or with 'count' none. Default 'zero'. */
  padMode?: HammingPadMode;
}

const OWN = ['filters', 'kernelSize', 'strides', 'padding', 'dilationRate', 'padMode'];

/**
 * A two-dimensional convolution by generalized Hamming distances, h(a, b) = a + b - 2ab, in the place of products, with
 * a bias that follows from input and weights and is not learned.
 *
 *     g = mean over the taps of h(x, kernel)    c = 1/2 - g
 *     y = logitScale * (1/2 - t | t - 1/2 | t | (L / 2) (t - 1/2))    t = c, thresholded
 *
 * by `output` 'distance', 'similarity', 'centered', 'raw'; L is the number of taps, and the thresholds are those of
 * `norm.ops.hammingEpilogue`. Input [batch, height, width, channels], channels last, within [0, 1] at best; output
 * [batch, height, width, filters]. Weights: `kernel` [height, width, channels, filters] and, with threshold 'soft', `r`
 * [filters]. Strides, padding and dilation are those of `tf.layers.conv2d`; see `norm.ops.hammingConv2d` for `padMode`.
 * The same in training and inference. Takes no masks.
 *
 * Throws a `NormError` for arguments out of their domain, for inputs of another rank than 4, for undefined or no
 * channels and for inputs smaller than the kernel without padding.
 *
 * Paper: Fan, Revisit Fuzzy Neural Network: Demystifying Batch Normalization and ReLU with Generalized Hamming Network,
 * arXiv 1710.10328.
 */
export class HammingConv2D extends HammingLayer {
  /** @nocollapse */
  static readonly className: string = 'HammingConv2D';
  readonly filters: number;
  readonly kernelSize: Pair;
  readonly strides: Pair;
  readonly padding: 'valid' | 'same';
  readonly dilationRate: Pair;
  readonly padMode: HammingPadMode;

  constructor(args: HammingConv2DArgs) {
    super(args, OWN);
    const { fail } = this;
    const given: Partial<HammingConv2DArgs> = args ?? {};
    this.filters = checkCount(fail, 'filters', given.filters);
    this.kernelSize = checkPair(fail, 'kernelSize', given.kernelSize);
    this.strides = checkPair(fail, 'strides', given.strides ?? 1);
    this.padding = checkChoice(fail, 'padding', PADDINGS, given.padding ?? 'valid');
    this.dilationRate = checkDilation(fail, given.dilationRate ?? 1, this.strides);
    this.padMode = checkChoice(fail, 'padMode', PAD_MODES, given.padMode ?? 'zero');
    this.supportsMasking = false;
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    if (shape.length !== 4) this.fail('inputShape', 'must have rank 4', shape);
    const inputs = this.knownExtent(shape, 3);
    if (inputs === 0) this.fail('inputShape', 'must have one channel or more', shape);
    if (this.computeOutputShape(shape).slice(1, 3).includes(0)) {
      this.fail('inputShape', 'must be as large as the kernel with its dilation', shape);
    }
    this.addWeights([...this.kernelSize, inputs, this.filters]);
    this.inputSpec = inputSpecOf(shape, [3]);
    this.built = true;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = this.onlyShape(inputShape);
    const along = (axis: 0 | 1) => {
      const input = shape[axis + 1] ?? null;
      if (input === null) return null;
      const { kernelSize, strides, dilationRate, padding } = this;
      const [kernel, stride, dilation] = [kernelSize[axis], strides[axis], dilationRate[axis]];
      return spanOf({ input, kernel, stride, dilation, padding }).outputs;
    };
    return [shape[0]!, along(0), along(1), this.filters];
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs) as Tensor4D;
      const { strides, padding, dilationRate, padMode } = this;
      const geometry = { strides, padding, dilationRate, padMode };
      const kernel = this.kernel!.read() as Tensor4D;
      return this.scaled(hammingConv2d(x, kernel, { ...this.options(), ...geometry }));
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      filters: this.filters,
      kernelSize: [...this.kernelSize],
      strides: [...this.strides],
      padding: this.padding,
      dilationRate: [...this.dilationRate],
      padMode: this.padMode,
    };
  }
}
tf.serialization.registerClass(HammingConv2D);
