/** The batch normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon, checkFraction, checkVirtualBatchSize } from '../core/checks';
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
import { tf } from '../tensorflow';
import { batchNorm } from './batchNorm';
import { batchNormInference } from './batchNormInference';

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
}

const OWN = [
  'axis',
  'momentum',
  'epsilon',
  'movingMeanInitializer',
  'movingVarianceInitializer',
  'unbiased',
  'virtualBatchSize',
];

/**
 * Batch normalization with Keras 3's arguments and defaults, for any rank from 2.
 *
 *     training     mu, var of the batch and all positions, per channel; moving = momentum * moving + (1 - momentum) * own
 *     inference    the moving statistics
 *     y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), `moving_mean`, `moving_variance`, all [C]. Training mode is the
 * `training` argument of the call, as `fit` gives it. A layer that is not trainable, itself or through a model that is
 * not, is in inference mode, as in Keras. The moving statistics change only when the call succeeds. Masks are passed on
 * and do not enter the statistics.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Ioffe & Szegedy, Batch Normalization, arXiv 1502.03167.
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
  protected movingMean: LayerVariable | null = null;
  protected movingVariance: LayerVariable | null = null;

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
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = [this.fixChannels(inputShape, 0)];
    this.addAffineWeights(shape);
    const add = (name: string, initializer: Initializer): LayerVariable =>
      this.addWeight(name, shape, 'float32', initializer, undefined, false);
    this.movingMean = add('moving_mean', this.movingMeanInitializer);
    this.movingVariance = add('moving_variance', this.movingVarianceInitializer);
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
    };
  }
}
tf.serialization.registerClass(BatchNormalization);
