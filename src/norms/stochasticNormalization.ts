/** The stochastic normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkEffectiveN } from '../core/batchNoise';
import { checkChoice } from '../core/checks';
import { type AffineArguments, ChannelLayer, checkChannelAxis, type Kwargs } from '../core/layer';
import { NoiseStream } from '../core/noiseStream';
import { tf } from '../tensorflow';
import { GRANULARITIES, type NoiseGranularity, stochasticAffine } from './stochasticNorm';

/** Arguments of {@link StochasticNormalization}. */
export interface StochasticNormalizationArgs extends AffineArguments {
  /** Of how many values the statistics are whose noise is drawn: an integer from 4, or a number from 16. */
  effectiveN: number;
  /** Whether the batch has one noise for each channel, or every sample its own. Default 'batch'. */
  granularity?: NoiseGranularity;
  /** The axis of the channels; with granularity 'sample' any but the batch axis 0. Default -1. */
  axis?: number;
  /** An integer: layers with the same seed draw the same in their first call, in their second, and so on. Default random. */
  seed?: number | null;
}

const OWN = ['effectiveN', 'granularity', 'axis', 'seed'];

/**
 * The noise of batch normalization without its statistics, on an input that something else has normalized: kernels of a
 * constant norm, weight normalization, moving statistics.
 *
 *     training     y = gamma[c] * v[c] * (x - u[c]) + beta[c],    u and v as random as statistics of `effectiveN` values
 *     inference    y = gamma[c] * x + beta[c]
 *
 * Weights: `gamma` (with `scale`) and `beta` (with `center`), both [C]. Every call in training draws anew, in a sequence
 * that `seed` fixes and that starts again in a model that is loaded; `norm.predictEnsemble` draws at inference. A layer
 * that is not trainable keeps its noise, like dropout. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export class StochasticNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'StochasticNormalization';
  readonly effectiveN: number;
  readonly granularity: NoiseGranularity;
  override readonly axis: number;
  readonly noise: NoiseStream;

  constructor(args: StochasticNormalizationArgs) {
    super(args, OWN);
    const { fail } = this;
    const given: Partial<StochasticNormalizationArgs> = args ?? {};
    this.effectiveN = checkEffectiveN(fail, given.effectiveN);
    this.granularity = checkChoice(
      fail,
      'granularity',
      GRANULARITIES,
      given.granularity ?? 'batch',
    );
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.noise = new NoiseStream(fail, given.seed);
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = this.fixChannels(inputShape, this.granularity === 'sample' ? 1 : 0);
    this.addAffineWeights([channels]);
    this.built = true;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { effectiveN, granularity, axis } = this;
      return this.noise.run(kwargs?.training === true, (drawn) => {
        const options = { ...this.affine(), axis };
        if (drawn) return stochasticAffine(x, { ...options, effectiveN, granularity, ...drawn });
        if (!this.gamma && !this.beta) return x;
        const channels = [x.shape.at(axis)!];
        return stochasticAffine(x, { ...options, u: tf.zeros(channels), v: tf.ones(channels) });
      });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const { effectiveN, granularity, axis } = this;
    return { ...super.getConfig(), effectiveN, granularity, axis, seed: this.noise.seed };
  }
}
tf.serialization.registerClass(StochasticNormalization);
