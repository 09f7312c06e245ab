/** The mean-only batch normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkFraction, resolveAxis } from '../core/checks';
import {
  checkChannelAxis,
  inputSpecOf,
  type Kwargs,
  type LayerVariable,
  NormalizationLayer,
} from '../core/layer';
import {
  type ConstraintArgument,
  type Initializer,
  type InitializerArgument,
  type LayerArguments,
  type RegularizerArgument,
  serialize,
  serializeWeight,
  toInitializer,
  toWeight,
  type WeightSettings,
  weightArguments,
} from '../core/layerArguments';
import { tf } from '../tensorflow';
import { batchNormInference } from './batchNormInference';
import { meanOnlyBatchNorm } from './meanOnlyBatchNorm';

/** Arguments of {@link MeanOnlyBatchNormalization}. */
export interface MeanOnlyBatchNormalizationArgs extends LayerArguments {
  /** The axis of the channels. Default -1. */
  axis?: number;
  /** The weight of the old moving mean. Default 0.9. */
  momentum?: number;
  /** Whether to learn an offset, `beta`. Default true. */
  center?: boolean;
  /** Default 'zeros'. */
  betaInitializer?: InitializerArgument;
  /** Default none. */
  betaRegularizer?: RegularizerArgument;
  /** Default none. */
  betaConstraint?: ConstraintArgument;
  /** Default 'zeros'. */
  movingMeanInitializer?: InitializerArgument;
}

/** With variance 1 it leaves the divisor exactly 1. */
const NEGLIGIBLE = 1e-30;

/**
 * Mean-only batch normalization, for layers with weight normalization: each channel less its mean over the batch, at
 * inference less its moving mean. Of batch normalization's noise it keeps what comes from the mean.
 *
 *     y = x - mean[c] + beta[c]
 *
 * Weights: `beta` (with `center`), [C]; not trainable, `moving_mean`, [C]. A layer that is not trainable is in inference
 * mode. A batch with a single value for each channel gives y = beta in training, which no gradient passes.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Salimans & Kingma, Weight Normalization, arXiv 1602.07868, section 4.
 */
export class MeanOnlyBatchNormalization extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'MeanOnlyBatchNormalization';
  readonly axis: number;
  readonly momentum: number;
  readonly center: boolean;
  readonly movingMeanInitializer: Initializer;
  protected readonly betaSettings: WeightSettings;
  protected beta: LayerVariable | null = null;
  protected movingMean: LayerVariable | null = null;
  private asked = false;

  constructor(args?: MeanOnlyBatchNormalizationArgs) {
    const own = ['axis', 'momentum', 'center', 'movingMeanInitializer', ...weightArguments('beta')];
    super(args, own);
    const { fail } = this;
    const given = args ?? {};
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.momentum = checkFraction(fail, 'momentum', given.momentum ?? 0.9);
    this.center = checkBoolean(fail, 'center', given.center ?? true);
    this.betaSettings = toWeight(fail, given, 'beta', 'zeros');
    const { movingMeanInitializer: initializer } = given;
    this.movingMeanInitializer = toInitializer(fail, 'movingMeanInitializer', initializer, 'zeros');
  }

  override build(inputShape: Shape | Shape[]): void {
    const { fail } = this;
    const shape = this.onlyShape(inputShape);
    if (shape.length < 2) fail('inputShape', 'must have rank 2 or more', shape);
    const axis = resolveAxis(fail, this.axis, shape.length);
    const channels = [this.knownExtent(shape, axis)];
    this.inputSpec = inputSpecOf(shape, [axis]);
    if (this.center) {
      const { initializer, regularizer, constraint } = this.betaSettings;
      this.beta = this.addWeight(
        'beta',
        channels,
        'float32',
        initializer,
        regularizer ?? undefined,
        true,
        constraint ?? undefined,
      );
    }
    const { movingMeanInitializer: moving } = this;
    this.movingMean = this.addWeight('moving_mean', channels, 'float32', moving, undefined, false);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { axis, asked } = this;
      const beta = this.beta?.read();
      const movingMean = this.movingMean!.read();
      const frozen = !this.trainable || this.beta?.trainable === false;
      if (!asked && (!kwargs?.training || frozen)) {
        const variance = tf.onesLike(movingMean);
        return batchNormInference(x, {
          mean: movingMean,
          variance,
          beta,
          axis,
          epsilon: NEGLIGIBLE,
        });
      }
      const momentum = asked ? 0 : this.momentum;
      const result = meanOnlyBatchNorm(x, { movingMean, beta, axis, momentum });
      this.movingMean!.write(result.movingMean);
      this.asked = false;
      return result.y;
    });
  }

  /** Makes the next call take the moving mean from its inputs alone; false takes that back. */
  askForDataInit(asked = true): void {
    this.asked = asked;
  }

  /** What a data-dependent initialization writes. */
  get initializedWeights(): LayerVariable[] {
    return this.movingMean ? [this.movingMean] : [];
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      axis: this.axis,
      momentum: this.momentum,
      center: this.center,
      ...serializeWeight('beta', this.betaSettings),
      movingMeanInitializer: serialize(this.movingMeanInitializer),
    };
  }
}
tf.serialization.registerClass(MeanOnlyBatchNormalization);
