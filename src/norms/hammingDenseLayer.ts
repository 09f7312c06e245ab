/** The dense layer of generalized Hamming distances. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkCount } from '../core/checks';
import type { Kwargs } from '../core/layer';
import { tf } from '../tensorflow';
import { hammingDense } from './hammingDense';
import { HammingLayer, type HammingLayerArgs } from './hammingLayer';

/** Arguments of {@link HammingDense}. */
export interface HammingDenseArgs extends HammingLayerArgs {
  /** The number of outputs. */
  units: number;
}

/**
 * A dense layer by generalized Hamming distances, h(a, b) = a + b - 2ab, in the place of products, with a bias that
 * follows from input and weights and is not learned.
 *
 *     g[o] = mean over l of h(x[l], kernel[l, o])    c = 1/2 - g
 *     y    = logitScale * (1/2 - t | t - 1/2 | t | (L / 2) (t - 1/2))    t = c, thresholded
 *
 * by `output` 'distance', 'similarity', 'centered', 'raw'; the thresholds are those of `norm.ops.hammingEpilogue`. Input
 * [batch, ..., L], within [0, 1] at best; output [batch, ..., units]. Weights: `kernel` [L, units] and, with threshold
 * 'soft', `r` [units]. The same in training and inference. Masks are passed on.
 *
 * For hidden layers `threshold: 'relu'` and the defaults, whose outputs the next such layer takes as its inputs; for
 * logits `output: 'raw'`, or 'similarity' with a `logitScale` of about 32. Train with Adam: the gradient of each layer
 * has the factor 2 / L.
 *
 * Throws a `NormError` for arguments out of their domain, for inputs of rank 1 and for undefined or no features.
 *
 * Paper: Fan, Revisit Fuzzy Neural Network: Demystifying Batch Normalization and ReLU with Generalized Hamming Network,
 * arXiv 1710.10328.
 */
export class HammingDense extends HammingLayer {
  /** @nocollapse */
  static readonly className: string = 'HammingDense';
  readonly units: number;

  constructor(args: HammingDenseArgs) {
    super(args, ['units']);
    this.units = checkCount(this.fail, 'units', args?.units);
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    if (shape.length < 2) this.fail('inputShape', 'must have rank 2 or more', shape);
    const inputs = this.knownExtent(shape, shape.length - 1);
    if (inputs === 0) this.fail('inputShape', 'must have one feature or more', shape);
    this.addWeights([inputs, this.units]);
    this.inputSpec = [new tf.InputSpec({ minNDim: 2, axes: { [-1]: inputs } })];
    this.built = true;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return [...this.onlyShape(inputShape).slice(0, -1), this.units];
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      return this.scaled(hammingDense(x, this.kernel!.read(), this.options()));
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), units: this.units };
  }
}
tf.serialization.registerClass(HammingDense);
