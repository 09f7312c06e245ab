/** LeCun, He and Glorot normal initializers that draw the variance they are named for. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkOptions } from '../core/checks';
import { checkSeed } from '../core/dropout';
import { layerFail } from '../core/errors';
import { tf } from '../tensorflow';
import { Initializer, randomNormal } from './initializer';

/** Arguments of the initializers. */
export interface ExactNormalArgs {
  /** An integer: the same weights every time. Default random. */
  seed?: number | null;
  /**
   * Whether weights are within two standard deviations of the normal distribution that is cut there, as in Keras, with
   * their own variance the one asked for. Default false: normally distributed.
   */
  truncated?: boolean;
}

/** The standard deviation of a standard normal distribution cut at two standard deviations. */
const CUT_DEVIATION = 0.8796256610342398;

/** Fan-in and fan-out of a kernel: of a matrix [in, out], or of a convolution [..., in, out]. */
export function fansOf(shape: Shape): [number, number] {
  const extents = shape as number[];
  if (extents.length < 2) {
    const size = extents.reduce((a, b) => a * b, 1);
    return [size, size];
  }
  const window = extents.slice(0, -2).reduce((a, b) => a * b, 1);
  return [window * extents.at(-2)!, window * extents.at(-1)!];
}

abstract class ExactNormal extends Initializer {
  readonly seed: number | null;
  readonly truncated: boolean;

  constructor(given?: ExactNormalArgs | null) {
    super();
    const fail = layerFail(this.getClassName());
    const args = checkOptions(fail, given);
    this.seed = args.seed == null ? null : checkSeed(fail, args.seed);
    this.truncated = checkBoolean(fail, 'truncated', args.truncated ?? false);
  }

  /** Of a kernel with this fan-in and fan-out. */
  protected abstract variance(fanIn: number, fanOut: number): number;

  override apply(shape: Shape, dtype: 'float32' = 'float32'): Tensor {
    const fail = layerFail(this.getClassName());
    if (dtype !== 'float32') fail('dtype', "must be 'float32'", dtype);
    const [fanIn, fanOut] = fansOf(shape).map((fan) => Math.max(1, fan)) as [number, number];
    const deviation = Math.sqrt(this.variance(fanIn, fanOut));
    const { seed, truncated } = this;
    const drawn = truncated ? deviation / CUT_DEVIATION : deviation;
    return randomNormal(shape as number[], drawn, seed, truncated);
  }

  override getConfig(): serialization.ConfigDict {
    return { seed: this.seed, truncated: this.truncated };
  }
}

/** See {@link leCunNormal}. */
export class LeCunNormalExact extends ExactNormal {
  /** @nocollapse */
  static readonly className: string = 'LeCunNormalExact';

  protected override variance(fanIn: number): number {
    return 1 / fanIn;
  }
}
tf.serialization.registerClass(LeCunNormalExact);

/** See {@link heNormal}. */
export class HeNormalExact extends ExactNormal {
  /** @nocollapse */
  static readonly className: string = 'HeNormalExact';

  protected override variance(fanIn: number): number {
    return 2 / fanIn;
  }
}
tf.serialization.registerClass(HeNormalExact);

/** See {@link glorotNormal}. */
export class GlorotNormalExact extends ExactNormal {
  /** @nocollapse */
  static readonly className: string = 'GlorotNormalExact';

  protected override variance(fanIn: number, fanOut: number): number {
    return 2 / (fanIn + fanOut);
  }
}
tf.serialization.registerClass(GlorotNormalExact);

/**
 * Weights with mean 0 and variance 1 / fan-in, as self-normalizing networks need them.
 *
 * tfjs 4.22's `leCunNormal` (and `heNormal`, `glorotNormal`) cuts the distribution at two standard deviations and leaves
 * it at that: 0.774 of the variance. With SELU such weights lead to variance 0.37, not 1. Here weights are normally
 * distributed unless `truncated` says otherwise, with the whole variance either way.
 *
 * Throws a `NormError` for arguments out of their domain and data types other than float32.
 *
 * Paper: LeCun, Bottou, Orr & Müller, Efficient BackProp, 1998.
 */
export function leCunNormal(args?: ExactNormalArgs): LeCunNormalExact {
  return new LeCunNormalExact(args);
}

/**
 * Weights with mean 0 and variance 2 / fan-in, for ReLU. See {@link leCunNormal}.
 *
 * Paper: He, Zhang, Ren & Sun, Delving Deep into Rectifiers, arXiv 1502.01852.
 */
export function heNormal(args?: ExactNormalArgs): HeNormalExact {
  return new HeNormalExact(args);
}

/**
 * Weights with mean 0 and variance 2 / (fan-in + fan-out). See {@link leCunNormal}.
 *
 * Paper: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
 */
export function glorotNormal(args?: ExactNormalArgs): GlorotNormalExact {
  return new GlorotNormalExact(args);
}
