/** The initializer of generalized Hamming networks. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkFinite, checkOptions, checkPositive } from '../core/checks';
import { checkSeed } from '../core/dropout';
import { layerFail } from '../core/errors';
import { tf } from '../tensorflow';
import { Initializer, randomNormal } from './initializer';

/** Arguments of {@link hamming}. */
export interface HammingNormalArgs {
  /** Default 1/2, the fuzziest value. */
  mean?: number;
  /** The standard deviation; greater than 0. Default 1/2. */
  stddev?: number;
  /** An integer: the same weights every time. Default random. */
  seed?: number | null;
}

/** See {@link hamming}. */
export class HammingNormal extends Initializer {
  /** @nocollapse */
  static readonly className: string = 'HammingNormal';
  readonly mean: number;
  readonly stddev: number;
  readonly seed: number | null;

  constructor(given?: HammingNormalArgs | null) {
    super();
    const fail = layerFail(this.getClassName());
    const { mean = 0.5, stddev = 0.5, seed } = checkOptions(fail, given);
    this.mean = checkFinite(fail, 'mean', mean);
    this.stddev = checkPositive(fail, 'stddev', stddev);
    this.seed = seed == null ? null : checkSeed(fail, seed);
  }

  override apply(shape: Shape, dtype: 'float32' = 'float32'): Tensor {
    if (dtype !== 'float32') layerFail(this.getClassName())('dtype', "must be 'float32'", dtype);
    return tf.tidy(() =>
      tf.add(randomNormal(shape as number[], this.stddev, this.seed), this.mean),
    );
  }

  override getConfig(): serialization.ConfigDict {
    const { mean, stddev, seed } = this;
    return { mean, stddev, seed };
  }
}
tf.serialization.registerClass(HammingNormal);

/**
 * Normally distributed weights with mean 1/2 and standard deviation 1/2, whatever the shape, for `hammingDense` and
 * `hammingConv2d`: one deviation off the mean are 0 and 1, the ends of a truth value. What counts in those layers is the
 * distance to the fuzzy 1/2; it has mean 0 here, so that the units of a layer differ. With weights around 0, as other
 * initializers draw them, it is nearly the same for all weights, and all units compute nearly the same value.
 *
 * Throws a `NormError` for arguments out of their domain and data types other than float32.
 *
 * Paper: Fan, Revisit Fuzzy Neural Network: Demystifying Batch Normalization and ReLU with Generalized Hamming Network,
 * arXiv 1710.10328, which leaves the initializer open; the numbers are ours.
 */
export function hamming(args?: HammingNormalArgs): HammingNormal {
  return new HammingNormal(args);
}
