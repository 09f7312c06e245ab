/** The layers of self-normalizing networks: SELU, alpha dropout, and both at once. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import {
  checkNoiseShape,
  checkRate,
  checkSeed,
  type NoiseShape,
  randomSeed,
  sharedAxes,
} from '../core/dropout';
import { type Kwargs, NormalizationLayer } from '../core/layer';
import type { LayerArguments } from '../core/layerArguments';
import { checkFixedPoint, checkSelu, type FixedPoint, type SeluOptions } from '../core/selu';
import { tf } from '../tensorflow';
import { alphaDropout } from './alphaDropout';
import { selu } from './selu';
import { seluAlphaDropout } from './seluAlphaDropout';

/** Arguments of {@link Selu}. */
export interface SeluArgs extends LayerArguments, SeluOptions {}

/** Arguments of {@link AlphaDropout} and {@link SeluAlphaDropout}. */
export interface AlphaDropoutArgs extends LayerArguments, SeluOptions, FixedPoint {
  /** The probability with which an element is dropped, from 0 to 1, 1 excluded. */
  rate: number;
  /**
   * Extents of the mask: an extent of 1 drops all elements along that axis together, null is the extent of the input.
   * Default: that of all axes.
   */
  noiseShape?: NoiseShape | null;
  /** An integer: layers with the same seed drop the same in their first call, in their second, and so on. Default random. */
  seed?: number | null;
}

const SELU = ['alpha', 'lambda'];
const DROPOUT = ['rate', 'noiseShape', 'seed', 'mean', 'variance', ...SELU];

/**
 * Scaled exponential linear unit: lambda * x where x > 0, lambda * alpha * (e^x - 1) elsewhere.
 *
 * The same in training and inference, for inputs of any rank. Throws a `NormError` for arguments out of their domain.
 *
 * Paper: Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, arXiv 1706.02515.
 */
export class Selu extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'Selu';
  readonly alpha: number;
  readonly lambda: number;

  constructor(args?: SeluArgs) {
    super(args, SELU);
    ({ alpha: this.alpha, lambda: this.lambda } = checkSelu(this.fail, args ?? {}));
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      return selu(this.onlyTensor(inputs), { alpha: this.alpha, lambda: this.lambda });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const { alpha, lambda } = this;
    return { ...super.getConfig(), alpha, lambda };
  }
}
tf.serialization.registerClass(Selu);

/** What {@link alphaDropout} takes, and which call with its seed is next. */
abstract class DropoutLayer extends NormalizationLayer {
  readonly rate: number;
  readonly noiseShape: NoiseShape | null;
  readonly seed: number | null;
  readonly alpha: number;
  readonly lambda: number;
  readonly mean: number;
  readonly variance: number;
  /** Set by the first call in training where there is no `seed`. */
  protected drawnSeed: number | null = null;
  protected calls = 0;

  constructor(args: AlphaDropoutArgs) {
    super(args, DROPOUT);
    const { fail } = this;
    const given: Partial<AlphaDropoutArgs> = args ?? {};
    this.rate = checkRate(fail, given.rate);
    this.noiseShape = checkNoiseShape(fail, given.noiseShape);
    this.seed = given.seed == null ? null : checkSeed(fail, given.seed);
    ({ alpha: this.alpha, lambda: this.lambda } = checkSelu(fail, given));
    ({ mean: this.mean, variance: this.variance } = checkFixedPoint(fail, given));
  }

  override build(inputShape: Shape | Shape[]): void {
    sharedAxes(this.fail, this.noiseShape, this.onlyShape(inputShape));
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      return kwargs?.training ? this.trained(x) : this.inferred(x);
    });
  }

  private trained(x: Tensor): Tensor {
    const { rate, noiseShape, alpha, lambda, mean, variance } = this;
    this.drawnSeed ??= this.seed ?? randomSeed();
    const stream = { seed: this.drawnSeed, stream: this.calls };
    const y = this.dropped(x, { rate, noiseShape, alpha, lambda, mean, variance, ...stream });
    this.calls++;
    return y;
  }

  protected abstract dropped(x: Tensor, options: Parameters<typeof alphaDropout>[1]): Tensor;
  protected abstract inferred(x: Tensor): Tensor;

  override getConfig(): serialization.ConfigDict {
    const { rate, seed, alpha, lambda, mean, variance } = this;
    const noiseShape = this.noiseShape && [...this.noiseShape];
    return { ...super.getConfig(), rate, noiseShape, seed, alpha, lambda, mean, variance };
  }
}

/**
 * Alpha dropout with Keras' arguments: in training, elements get the value of SELU far below 0 with probability `rate`,
 * and an affine map gives the whole the mean and variance that it had. In inference the input as it is.
 *
 *     y = a * (d ? x : -lambda * alpha) + b,    d = 1 with probability 1 - rate, else 0
 *
 * Every call in training draws anew, in a sequence that `seed` fixes; the sequence starts again in a model that is
 * loaded. With {@link seluParameters} of another fixed point, give its `mean` and `variance` too. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for a `noiseShape` that does not broadcast to the input.
 *
 * Paper: Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, arXiv 1706.02515.
 */
export class AlphaDropout extends DropoutLayer {
  /** @nocollapse */
  static readonly className: string = 'NativeAlphaDropout';

  protected override dropped(x: Tensor, options: Parameters<typeof alphaDropout>[1]): Tensor {
    return alphaDropout(x, options);
  }

  protected override inferred(x: Tensor): Tensor {
    return x;
  }
}
tf.serialization.registerClass(AlphaDropout);

/**
 * SELU, and in training {@link AlphaDropout} after it, in one pass.
 *
 * Throws a `NormError` for arguments out of their domain and for a `noiseShape` that does not broadcast to the input.
 *
 * Paper: Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, arXiv 1706.02515.
 */
export class SeluAlphaDropout extends DropoutLayer {
  /** @nocollapse */
  static readonly className: string = 'SeluAlphaDropout';

  protected override dropped(x: Tensor, options: Parameters<typeof alphaDropout>[1]): Tensor {
    return seluAlphaDropout(x, options);
  }

  protected override inferred(x: Tensor): Tensor {
    return selu(x, { alpha: this.alpha, lambda: this.lambda });
  }
}
tf.serialization.registerClass(SeluAlphaDropout);
