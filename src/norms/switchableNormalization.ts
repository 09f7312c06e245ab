/** The switchable normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { BatchAverage } from '../core/batchAverage';
import { checkBoolean, checkChoice, checkEpsilon, checkFraction } from '../core/checks';
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
  type Regularizer,
  type RegularizerArgument,
  serialize,
  toInitializer,
  toRegularizer,
} from '../core/layerArguments';
import { tf } from '../tensorflow';
import { switchableNorm } from './switchableNorm';

/** Where the batch statistics of inference come from. */
export type SwitchableInference = 'moving' | 'batch';

/** Arguments of {@link SwitchableNormalization}. */
export interface SwitchableNormalizationArgs extends AffineArguments {
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** The weight of the old moving statistics. Default 0.9. */
  momentum?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** Whether batch statistics take part; two logits otherwise. Default true. */
  useBatch?: boolean;
  /** Starts gamma at 0, for the last normalizer of a residual branch. Default false. */
  lastGamma?: boolean;
  /** Whether variances over the positions are S / (S - 1) times the biased ones, as in the authors' code. Default false. */
  unbiasedSpatialVariance?: boolean;
  /** Batch statistics at inference: 'moving' averages, or 'batch' averages that `norm.calibrate` takes. Default 'moving'. */
  inference?: SwitchableInference;
  /** Default 'ones': equal weights. */
  meanLogitsInitializer?: InitializerArgument;
  /** Default 'ones': equal weights. */
  varianceLogitsInitializer?: InitializerArgument;
  /** Default none. */
  meanLogitsRegularizer?: RegularizerArgument;
  /** Default none. */
  varianceLogitsRegularizer?: RegularizerArgument;
  /** Default 'zeros'. */
  movingMeanInitializer?: InitializerArgument;
  /** Default 'ones'. */
  movingVarianceInitializer?: InitializerArgument;
}

/** The learned weights of the three statistics, which add up to 1; no batch without batch statistics. */
export interface StatisticWeights {
  instance: number;
  layer: number;
  batch?: number;
}

const LOGITS = ['meanLogits', 'varianceLogits'] as const;
const MOVING = ['movingMean', 'movingVariance'] as const;
const OWN = [
  'axis',
  'momentum',
  'epsilon',
  'useBatch',
  'lastGamma',
  'unbiasedSpatialVariance',
  'inference',
  ...LOGITS.flatMap((name) => [`${name}Initializer`, `${name}Regularizer`]),
  ...MOVING.map((name) => `${name}Initializer`),
];

/**
 * Switchable normalization: each layer learns how much of instance, layer and batch norm it wants.
 *
 *     mu = w0 * mean_instance + w1 * mean_layer + w2 * mean_batch    w = softmax(mean_logits), var alike
 *     y = gamma[c] * (x - mu) / sqrt(var + epsilon) + beta[c]
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), [C]; `mean_logits`, `variance_logits`, [3], or [2] without
 * `useBatch`; with it `moving_mean`, `moving_variance`, [C], and with `inference: 'batch'` also `calibrated_batches`,
 * [1]: how many batches `norm.calibrate` averaged, 0 where it has not run since the layer was trained. Inference is
 * an error then. A layer that is not trainable is in inference mode.
 *
 * Throws a `NormError` for arguments out of their domain, for an undefined channel dimension and for inference without
 * calibration.
 *
 * Paper: Luo et al., Differentiable Learning-to-Normalize via Switchable Normalization, arXiv 1806.10779.
 */
export class SwitchableNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'SwitchableNormalization';
  override readonly axis: number;
  readonly momentum: number;
  readonly epsilon: number;
  readonly useBatch: boolean;
  readonly lastGamma: boolean;
  readonly unbiasedSpatialVariance: boolean;
  readonly inference: SwitchableInference;
  readonly meanLogitsInitializer: Initializer;
  readonly varianceLogitsInitializer: Initializer;
  readonly meanLogitsRegularizer: Regularizer | null;
  readonly varianceLogitsRegularizer: Regularizer | null;
  readonly movingMeanInitializer: Initializer;
  readonly movingVarianceInitializer: Initializer;
  protected meanLogits: LayerVariable | null = null;
  protected varianceLogits: LayerVariable | null = null;
  protected movingMean: LayerVariable | null = null;
  protected movingVariance: LayerVariable | null = null;
  protected calibratedBatches: LayerVariable | null = null;
  private average: BatchAverage | null = null;

  constructor(args?: SwitchableNormalizationArgs) {
    const given = args ?? {};
    super(given.lastGamma === true ? { gammaInitializer: 'zeros', ...given } : args, OWN);
    const { fail } = this;
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.momentum = checkFraction(fail, 'momentum', given.momentum ?? 0.9);
    this.epsilon = checkEpsilon(fail, given.epsilon ?? 1e-5);
    this.useBatch = checkBoolean(fail, 'useBatch', given.useBatch ?? true);
    this.lastGamma = checkBoolean(fail, 'lastGamma', given.lastGamma ?? false);
    const unbiased = given.unbiasedSpatialVariance ?? false;
    this.unbiasedSpatialVariance = checkBoolean(fail, 'unbiasedSpatialVariance', unbiased);
    const inference = given.inference ?? 'moving';
    this.inference = checkChoice(fail, 'inference', ['moving', 'batch'], inference);
    const initializer = (name: keyof SwitchableNormalizationArgs, fallback: 'ones' | 'zeros') =>
      toInitializer(fail, name, given[name] as InitializerArgument, fallback);
    this.meanLogitsInitializer = initializer('meanLogitsInitializer', 'ones');
    this.varianceLogitsInitializer = initializer('varianceLogitsInitializer', 'ones');
    this.movingMeanInitializer = initializer('movingMeanInitializer', 'zeros');
    this.movingVarianceInitializer = initializer('movingVarianceInitializer', 'ones');
    const { meanLogitsRegularizer: ofMean, varianceLogitsRegularizer: ofVariance } = given;
    this.meanLogitsRegularizer = toRegularizer(fail, 'meanLogitsRegularizer', ofMean);
    this.varianceLogitsRegularizer = toRegularizer(fail, 'varianceLogitsRegularizer', ofVariance);
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = [this.fixChannels(inputShape, 1)];
    this.addAffineWeights(shape);
    const logits = (name: string, field: (typeof LOGITS)[number]): LayerVariable =>
      this.addWeight(
        name,
        [this.useBatch ? 3 : 2],
        'float32',
        this[`${field}Initializer`],
        this[`${field}Regularizer`] ?? undefined,
      );
    this.meanLogits = logits('mean_logits', 'meanLogits');
    this.varianceLogits = logits('variance_logits', 'varianceLogits');
    if (this.useBatch) {
      const state = (name: string, extents: number[], initializer: Initializer): LayerVariable =>
        this.addWeight(name, extents, 'float32', initializer, undefined, false);
      this.movingMean = state('moving_mean', shape, this.movingMeanInitializer);
      this.movingVariance = state('moving_variance', shape, this.movingVarianceInitializer);
      if (this.inference === 'batch') {
        this.calibratedBatches = state('calibrated_batches', [1], tf.initializers.zeros());
      }
    }
    this.built = true;
  }

  protected override get learned(): LayerVariable[] {
    const logits = [this.meanLogits, this.varianceLogits];
    return [...super.learned, ...logits.flatMap((weight) => weight ?? [])];
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const training = Boolean(kwargs?.training) && !this.frozen;
      if (this.average) return this.collect(x, this.average);
      if (!training) this.checkCalibrated();
      const result = this.run(x, training, this.momentum);
      if (training && this.useBatch) {
        if (this.calibratedBatches) {
          this.calibratedBatches.write(tf.zeros([1]));
        } else {
          this.movingMean!.write(result.movingMean);
          this.movingVariance!.write(result.movingVariance);
        }
      }
      return result.y;
    });
  }

  private run(x: Tensor, training: boolean, momentum: number) {
    return switchableNorm(x, {
      ...this.affine(),
      meanLogits: this.meanLogits!.read(),
      varianceLogits: this.varianceLogits!.read(),
      movingMean: this.movingMean?.read(),
      movingVariance: this.movingVariance?.read(),
      axis: this.axis,
      epsilon: this.epsilon,
      useBatch: this.useBatch,
      unbiasedSpatialVariance: this.unbiasedSpatialVariance,
      training,
      momentum,
    });
  }

  private checkCalibrated(): void {
    if (!this.calibratedBatches) return;
    const [batches] = this.calibratedBatches.read().dataSync();
    if (!(batches! > 0)) {
      this.fail(
        'inference',
        `'batch' needs averages over batches; call norm.calibrate(model, dataset, steps) after training ${this.name}`,
        `${batches} calibrated batches`,
      );
    }
  }

  /** With momentum 0 the running statistics are the batch's own. */
  private collect(x: Tensor, average: BatchAverage): Tensor {
    const { y, movingMean, movingVariance } = this.run(x, true, 0);
    average.add(movingMean.dataSync(), movingVariance.dataSync());
    return y;
  }

  /** Whether `norm.calibrate` has something to do here. */
  get needsCalibration(): boolean {
    return this.useBatch && this.inference === 'batch';
  }

  /** Until {@link endCalibration}, calls use and average the statistics of their own batches. */
  beginCalibration(): void {
    this.average = new BatchAverage();
  }

  /** Takes the averages over, or drops them; gives the number of batches. */
  endCalibration(keep: boolean): number {
    const { average } = this;
    this.average = null;
    if (!keep || !average || average.batches === 0) return 0;
    tf.tidy(() => {
      this.movingMean!.write(tf.tensor1d([...average.mean]));
      this.movingVariance!.write(tf.tensor1d([...average.variance]));
      this.calibratedBatches!.write(tf.tensor1d([average.batches]));
    });
    return average.batches;
  }

  /** The learned weights of the instance, layer and batch statistics. */
  importance(): { mean: StatisticWeights; variance: StatisticWeights } {
    const weights = (logits: LayerVariable | null): StatisticWeights => {
      if (!logits) return this.fail('importance', 'needs a layer that is built', 'none');
      const values = [...tf.tidy(() => logits.read().dataSync())];
      const largest = Math.max(...values);
      const powers = values.map((value) => Math.exp(value - largest));
      const sum = powers.reduce((a, b) => a + b);
      const [instance, layer, batch] = powers.map((power) => power / sum) as [
        number,
        number,
        number?,
      ];
      return batch === undefined ? { instance, layer } : { instance, layer, batch };
    };
    return { mean: weights(this.meanLogits), variance: weights(this.varianceLogits) };
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      axis: this.axis,
      momentum: this.momentum,
      epsilon: this.epsilon,
      useBatch: this.useBatch,
      lastGamma: this.lastGamma,
      unbiasedSpatialVariance: this.unbiasedSpatialVariance,
      inference: this.inference,
      meanLogitsInitializer: serialize(this.meanLogitsInitializer),
      varianceLogitsInitializer: serialize(this.varianceLogitsInitializer),
      meanLogitsRegularizer: serialize(this.meanLogitsRegularizer),
      varianceLogitsRegularizer: serialize(this.varianceLogitsRegularizer),
      movingMeanInitializer: serialize(this.movingMeanInitializer),
      movingVarianceInitializer: serialize(this.movingVarianceInitializer),
    };
  }
}
tf.serialization.registerClass(SwitchableNormalization);
