/** The batch normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import {
  checkBoolean,
  checkEpsilon,
  checkFraction,
  checkRenormClipping,
  checkVirtualBatchSize,
  type RenormClipping,
} from '../core/checks';
import {
  type AffineArguments,
  ChannelLayer,
  checkChannelAxis,
  type Kwargs,
  type LayerVariable,
} from '../core/layer';
import {
  type Initializer,
  type InitializerArgument,
  serialize,
  toInitializer,
} from '../core/layerArguments';
import type { AffineOptions } from '../core/parameters';
import { tf } from '../tensorflow';
import { batchNorm } from './batchNorm';
import { batchNormInference } from './batchNormInference';
import { batchRenorm } from './batchRenorm';

/** Arguments of {@link BatchNormalization}. */
export interface BatchNormalizationArgs extends AffineArguments {
  /** The axis of the channels. Default -1. */
  axis?: number;
  /** The weight of the old moving statistics. Default 0.99. */
  momentum?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-3. */
  epsilon?: number;
  /** Default 'zeros'. */
  movingMeanInitializer?: InitializerArgument;
  /** Default 'ones'. */
  movingVarianceInitializer?: InitializerArgument;
  /** Whether the moving variance follows M / max(M - 1, 1) times the batch variance, as in PyTorch. Default false. */
  unbiased?: boolean;
  /** Ghost batches: in training, statistics are those of so many consecutive samples. Default the whole batch. */
  virtualBatchSize?: number | null;
  /** Batch renormalization: training is corrected towards moving statistics. Default false. */
  renorm?: boolean;
  /** The bounds of the corrections of `renorm`, also settable between training steps. Default none. */
  renormClipping?: RenormClipping | null;
  /** The weight of the old statistics that corrections are taken from. Default 0.99. */
  renormMomentum?: number;
}

const OWN = [
  'axis',
  'momentum',
  'epsilon',
  'movingMeanInitializer',
  'movingVarianceInitializer',
  'unbiased',
  'virtualBatchSize',
  'renorm',
  'renormClipping',
  'renormMomentum',
];

/** The square root of what another initializer gives. */
const rootOf = (initializer: Initializer): Initializer =>
  ({
    apply: (...args: Parameters<Initializer['apply']>) =>
      tf.tidy(() => tf.sqrt(initializer.apply(...args))),
  }) as Initializer;

/**
 * Batch normalization with Keras 3's arguments and defaults, for any rank from 2.
 *
 *     training     mu, var of the batch and all positions, per channel; moving = momentum * moving + (1 - momentum) * own
 *     inference    the moving statistics
 *     y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * With `renorm`, training is corrected by r and d to what other moving statistics would give, which follow with
 * `renormMomentum`; r and d are constants to the gradient, and bounded by `renormClipping`:
 *
 *     scale = max(renorm_stddev, sqrt(epsilon))    stddev = sqrt(var + epsilon)
 *     r = clip(stddev / scale, rmin, rmax)    d = clip((mu - renorm_mean) / scale, -dmax, dmax)
 *     y = gamma[c] * (r * (x - mu) / stddev + d) + beta[c]
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), `moving_mean`, `moving_variance`, all [C], and with `renorm`
 * `moving_stddev`, from which the moving variance then is, `renorm_mean` and `renorm_stddev`. Training mode is the
 * `training` argument of the call, as `fit` gives it. A layer that is not trainable, itself or through a model that is
 * not, is in inference mode, as in Keras. The moving statistics change only when the call succeeds. Masks are passed on
 * and do not enter the statistics.
 *
 * Throws a `NormError` for arguments out of their domain, for `renorm` with `virtualBatchSize` or `unbiased`, and for an
 * undefined channel dimension.
 *
 * Papers: Ioffe & Szegedy, Batch Normalization, arXiv 1502.03167; Ioffe, Batch Renormalization, arXiv 1702.03275.
 */
export class BatchNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'NativeBatchNormalization';
  override readonly axis: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly movingMeanInitializer: Initializer;
  readonly movingVarianceInitializer: Initializer;
  readonly unbiased: boolean;
  readonly virtualBatchSize: number | null;
  readonly renorm: boolean;
  readonly renormMomentum: number;
  protected clipping: RenormClipping | null;
  protected movingMean: LayerVariable | null = null;
  protected movingVariance: LayerVariable | null = null;
  protected movingStddev: LayerVariable | null = null;
  protected renormMean: LayerVariable | null = null;
  protected renormStddev: LayerVariable | null = null;

  constructor(args?: BatchNormalizationArgs) {
    super(args, OWN);
    const { fail } = this;
    const given = args ?? {};
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.momentum = checkFraction(fail, 'momentum', given.momentum ?? 0.99);
    this.epsilon = checkEpsilon(fail, given.epsilon ?? 1e-3);
    const { movingMeanInitializer: mean, movingVarianceInitializer: variance } = given;
    this.movingMeanInitializer = toInitializer(fail, 'movingMeanInitializer', mean, 'zeros');
    this.movingVarianceInitializer = toInitializer(
      fail,
      'movingVarianceInitializer',
      variance,
      'ones',
    );
    this.unbiased = checkBoolean(fail, 'unbiased', given.unbiased ?? false);
    this.virtualBatchSize = checkVirtualBatchSize(fail, given.virtualBatchSize) || null;
    this.renorm = checkBoolean(fail, 'renorm', given.renorm ?? false);
    this.clipping = checkRenormClipping(fail, given.renormClipping);
    this.renormMomentum = checkFraction(fail, 'renormMomentum', given.renormMomentum ?? 0.99);
    if (this.renorm && this.virtualBatchSize !== null) {
      fail('virtualBatchSize', 'must not be given together with renorm', this.virtualBatchSize);
    }
    if (this.renorm && this.unbiased) {
      fail('unbiased', 'must be false with renorm, whose statistics are biased', true);
    }
  }

  /** The bounds of r and d in the training steps to come. */
  get renormClipping(): RenormClipping | null {
    return this.clipping;
  }

  set renormClipping(bounds: RenormClipping | null) {
    this.clipping = checkRenormClipping(this.fail, bounds);
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = [this.fixChannels(inputShape, 0)];
    this.addAffineWeights(shape);
    const add = (name: string, initializer: Initializer): LayerVariable =>
      this.addWeight(name, shape, 'float32', initializer, undefined, false);
    this.movingMean = add('moving_mean', this.movingMeanInitializer);
    this.movingVariance = add('moving_variance', this.movingVarianceInitializer);
    if (this.renorm) {
      const stddev = rootOf(this.movingVarianceInitializer);
      this.movingStddev = add('moving_stddev', stddev);
      this.renormMean = add('renorm_mean', this.movingMeanInitializer);
      this.renormStddev = add('renorm_stddev', stddev);
    }
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { axis, epsilon, momentum, unbiased, virtualBatchSize } = this;
      const options = { ...this.affine(), axis, epsilon };
      const [movingMean, movingVariance] = [this.movingMean!, this.movingVariance!];
      const [mean, variance] = [movingMean.read(), movingVariance.read()];
      if (!kwargs?.training || this.frozen) {
        return batchNormInference(x, { ...options, mean, variance });
      }
      if (this.renorm) return this.renormalize(x, options);
      const result = batchNorm(x, {
        ...options,
        movingMean: mean,
        movingVariance: variance,
        momentum,
        unbiased,
        virtualBatchSize,
      });
      movingMean.write(result.movingMean);
      movingVariance.write(result.movingVariance);
      return result.y;
    });
  }

  private renormalize(x: Tensor, options: AffineOptions & { axis: number; epsilon: number }) {
    const state = {
      movingMean: this.movingMean!,
      movingStddev: this.movingStddev!,
      renormMean: this.renormMean!,
      renormStddev: this.renormStddev!,
    };
    const names = Object.keys(state) as (keyof typeof state)[];
    const old = Object.fromEntries(names.map((name) => [name, state[name].read()]));
    const { y, ...result } = batchRenorm(x, {
      ...options,
      ...(old as Record<keyof typeof state, Tensor>),
      momentum: this.momentum,
      renormMomentum: this.renormMomentum,
      renormClipping: this.clipping,
    });
    for (const name of names) state[name].write(result[name]);
    // Not below 0, whichever way the rounding goes.
    const variance = tf.sub(tf.square(result.movingStddev), options.epsilon);
    this.movingVariance!.write(tf.relu(variance));
    return y;
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      axis: this.axis,
      momentum: this.momentum,
      epsilon: this.epsilon,
      movingMeanInitializer: serialize(this.movingMeanInitializer),
      movingVarianceInitializer: serialize(this.movingVarianceInitializer),
      unbiased: this.unbiased,
      virtualBatchSize: this.virtualBatchSize,
      renorm: this.renorm,
      renormClipping: this.clipping && { ...this.clipping },
      renormMomentum: this.renormMomentum,
    };
  }
}
tf.serialization.registerClass(BatchNormalization);
