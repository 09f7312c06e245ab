/** The Bayesian normalization layer. */
import type { Scalar, Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkEffectiveN } from '../core/batchNoise';
import {
  bayesianKLOf,
  checkPrior,
  checkTrainingSize,
  PRIOR_ARGUMENTS,
  type PriorOptions,
} from '../core/bayesianKL';
import { checkBoolean, checkChoice, resolveAxis } from '../core/checks';
import {
  checkChannelAxis,
  inputSpecOf,
  type Kwargs,
  type LayerVariable,
  NormalizationLayer,
} from '../core/layer';
import {
  type ConstraintArgument,
  type InitializerArgument,
  type LayerArguments,
  type RegularizerArgument,
  serializeWeight,
  toWeight,
  type WeightSettings,
  weightArguments,
} from '../core/layerArguments';
import { NoiseStream } from '../core/noiseStream';
import { tf } from '../tensorflow';
import { constrain } from '../training/applyConstraints';
import { bayesianAffine } from './bayesianAffine';
import { GRANULARITIES, type NoiseGranularity, stochasticAffine } from './stochasticNorm';
import '../constraints';

const WEIGHTS = ['logScale', 'rhoScale', 'bias', 'rhoBias'] as const;
type WeightName = (typeof WEIGHTS)[number];

type ArgumentsOfWeights = Partial<
  Record<`${WeightName}Initializer`, InitializerArgument> &
    Record<`${WeightName}Regularizer`, RegularizerArgument> &
    Record<`${WeightName}Constraint`, ConstraintArgument>
>;

/** Arguments of {@link BayesianNormalization}. */
export interface BayesianNormalizationArgs
  extends LayerArguments,
    PriorOptions,
    ArgumentsOfWeights {
  /**
   * The deviations to begin with are those of statistics of so many values, 1 / sqrt(2 n) and 1 / sqrt(n): an integer from
   * 4, or a number from 16. Default 32.
   */
  effectiveN?: number;
  /** Whether the batch has one noise for each channel, or every sample its own. Default 'batch'. */
  granularity?: NoiseGranularity;
  /** How many examples there are to train on: the divergence over this is added to the loss. Default null, not added. */
  trainingSize?: number | null;
  /** Whether the scale at inference is its mean, exp(logScale + e^(2 rhoScale) / 2), not its median. Default false. */
  meanScale?: boolean;
  /** The axis of the channels; with granularity 'sample' any but the batch axis 0. Default -1. */
  axis?: number;
  /** An integer: layers with the same seed draw the same in their first call, in their second, and so on. Default random. */
  seed?: number | null;
}

const OWN = ['effectiveN', 'granularity', 'trainingSize', 'meanScale', 'axis', 'seed'];

/** Deviations between e^-7 and 1. */
const RHO_BOUNDS = { className: 'Clip', config: { minValue: -7, maxValue: 0 } };

const constant = (value: number) => ({ className: 'Constant', config: { value } });

/**
 * A random scale and offset for each channel, whose distributions are learned: an approximate posterior.
 *
 *     training     y = s[c] * x + t[c],    s = exp(logScale + exp(rhoScale) * e1), t = bias + exp(rhoBias) * e2
 *     inference    y = exp(logScale[c]) * x + bias[c]
 *
 * The input is one that something else has normalized. With the `trainingSize` N, the divergence of the posterior from its
 * prior, over N, is added to the loss of `fit`; in other loops {@link bayesianKL} gives it. Weights: `log_scale`,
 * `rho_scale`, `bias`, `rho_bias`, all [C], the logarithms of deviations from -7 to 0 unless other constraints are given;
 * constraints are applied whenever the weights are used, which tfjs itself does not do in training.
 * Every call in training draws anew, in a sequence that `seed` fixes and that starts again in a model that is loaded;
 * `norm.predictEnsemble` draws at inference. Masks are passed on.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export class BayesianNormalization extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'BayesianNormalization';
  readonly effectiveN: number;
  readonly granularity: NoiseGranularity;
  readonly trainingSize: number | null;
  readonly meanScale: boolean;
  readonly axis: number;
  readonly noise: NoiseStream;
  readonly prior: Required<PriorOptions>;
  private readonly settings: Record<WeightName, WeightSettings>;
  private learned: Record<WeightName, LayerVariable> | null = null;

  constructor(args?: BayesianNormalizationArgs) {
    super(args, [...OWN, ...PRIOR_ARGUMENTS, ...WEIGHTS.flatMap(weightArguments)]);
    const { fail } = this;
    const given = args ?? {};
    this.effectiveN = checkEffectiveN(fail, given.effectiveN ?? 32);
    this.granularity = checkChoice(
      fail,
      'granularity',
      GRANULARITIES,
      given.granularity ?? 'batch',
    );
    this.trainingSize = given.trainingSize ?? null;
    if (this.trainingSize !== null) checkTrainingSize(fail, this.trainingSize);
    this.meanScale = checkBoolean(fail, 'meanScale', given.meanScale ?? false);
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.noise = new NoiseStream(fail, given.seed);
    this.prior = checkPrior(fail, given);
    const bounded = (name: 'rhoScale' | 'rhoBias', deviation: number) => {
      const constraint = given[`${name}Constraint`];
      const all = {
        ...given,
        [`${name}Constraint`]: constraint === undefined ? RHO_BOUNDS : constraint,
      };
      return toWeight(fail, all, name, constant(Math.log(deviation)));
    };
    this.settings = {
      logScale: toWeight(fail, given, 'logScale', 'zeros'),
      rhoScale: bounded('rhoScale', 1 / Math.sqrt(2 * this.effectiveN)),
      bias: toWeight(fail, given, 'bias', 'zeros'),
      rhoBias: bounded('rhoBias', 1 / Math.sqrt(this.effectiveN)),
    };
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    const { fail } = this;
    if (shape.length < 2) fail('inputShape', 'must have rank 2 or more', shape);
    const axis = resolveAxis(fail, this.axis, shape.length);
    if (this.granularity === 'sample' && axis === 0) {
      fail('axis', 'must not be the batch axis', this.axis);
    }
    const channels = this.knownExtent(shape, axis);
    this.inputSpec = inputSpecOf(shape, [axis]);
    const add = (name: string, of: WeightSettings): LayerVariable =>
      this.addWeight(
        name,
        [channels],
        'float32',
        of.initializer,
        of.regularizer ?? undefined,
        true,
        of.constraint ?? undefined,
      );
    const { logScale, rhoScale, bias, rhoBias } = this.settings;
    this.learned = {
      logScale: add('log_scale', logScale),
      rhoScale: add('rho_scale', rhoScale),
      bias: add('bias', bias),
      rhoBias: add('rho_bias', rhoBias),
    };
    const { trainingSize } = this;
    if (trainingSize !== null) {
      this.addLoss(() => tf.tidy(() => tf.div(this.divergence(), trainingSize)) as Scalar);
    }
    this.built = true;
  }

  /** Within their constraints, which tfjs does not apply in training. */
  private parameters(): Record<WeightName, Tensor> {
    for (const weight of Object.values(this.learned!)) constrain(weight);
    const { logScale, rhoScale, bias, rhoBias } = this.learned!;
    return {
      logScale: logScale.read(),
      rhoScale: rhoScale.read(),
      bias: bias.read(),
      rhoBias: rhoBias.read(),
    };
  }

  /** The divergence of the posterior from the prior, a scalar, but for a constant with prior 'flat'. */
  divergence(): Tensor {
    if (!this.learned) this.fail('divergence', 'must not be asked for before there is an input', 0);
    const { logScale, rhoScale, bias, rhoBias } = this.parameters();
    return bayesianKLOf(
      { mean: logScale, rho: rhoScale },
      { mean: bias, rho: rhoBias },
      this.prior,
    );
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { granularity, axis } = this;
      const parameters = this.parameters();
      return this.noise.run(kwargs?.training === true, (drawn) => {
        if (drawn) return bayesianAffine(x, { ...parameters, granularity, axis, ...drawn });
        const { logScale, rhoScale, bias } = parameters;
        const mean = () => tf.add(logScale, tf.mul(tf.exp(tf.mul(rhoScale, 2)), 0.5));
        const gamma = tf.exp(this.meanScale ? mean() : logScale);
        const none = { u: tf.zerosLike(bias), v: tf.onesLike(bias) };
        return stochasticAffine(x, { gamma, beta: bias, axis, ...none });
      });
    });
  }

  override getConfig(): serialization.ConfigDict {
    const { effectiveN, granularity, trainingSize, meanScale, axis, settings } = this;
    return {
      ...super.getConfig(),
      effectiveN,
      granularity,
      trainingSize,
      meanScale,
      axis,
      seed: this.noise.seed,
      ...this.prior,
      ...Object.assign({}, ...WEIGHTS.map((name) => serializeWeight(name, settings[name]))),
    };
  }
}
tf.serialization.registerClass(BayesianNormalization);
