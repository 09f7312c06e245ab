/** The attentive normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkCount, checkGroups } from '../core/checks';
import {
  type AffineArguments,
  ChannelLayer,
  checkChannelAxis,
  type Kwargs,
  type LayerVariable,
} from '../core/layer';
import {
  type ConstraintArgument,
  type Initializer,
  type InitializerArgument,
  type RegularizerArgument,
  serialize,
  serializeWeight,
  toInitializer,
  toWeight,
  type WeightSettings,
  weightArguments,
} from '../core/layerArguments';
import { warn } from '../core/warn';
import { tf } from '../tensorflow';
import { type AttentiveSettings, attentiveNorm, checkSettings } from './attentiveNorm';

/** Arguments of {@link AttentiveNormalization}. */
export interface AttentiveNormalizationArgs extends AttentiveSettings, AffineArguments {
  /** K, the number of mixtures. Default 10. */
  k?: number;
  /** Whether the logits have a bias. Default only without `attentionNorm`: a norm over the batch takes it off again. */
  attentionUseBias?: boolean;
  /** Starts gamma and beta at 0, for the last normalizer of a residual branch. Default false. */
  lastGamma?: boolean;
  /** Default normal around 1 with deviation 0.1. */
  gammaInitializer?: InitializerArgument;
  /** Default normal around 0 with deviation 0.1. */
  betaInitializer?: InitializerArgument;
  /** Default normal around 0 with deviation sqrt(2 / k). */
  attentionKernelInitializer?: InitializerArgument;
  /** Default 'zeros'. */
  attentionBiasInitializer?: InitializerArgument;
  /** Default 'ones'. */
  attentionGammaInitializer?: InitializerArgument;
  /** Default 'zeros'. */
  attentionBetaInitializer?: InitializerArgument;
  /** Default none, as are the other regularizers. */
  attentionKernelRegularizer?: RegularizerArgument;
  attentionBiasRegularizer?: RegularizerArgument;
  attentionGammaRegularizer?: RegularizerArgument;
  attentionBetaRegularizer?: RegularizerArgument;
  /** Default none, as are the other constraints. */
  attentionKernelConstraint?: ConstraintArgument;
  attentionBiasConstraint?: ConstraintArgument;
  attentionGammaConstraint?: ConstraintArgument;
  attentionBetaConstraint?: ConstraintArgument;
  /** Default 'zeros'. */
  movingMeanInitializer?: InitializerArgument;
  /** Default 'ones'. */
  movingVarianceInitializer?: InitializerArgument;
  /** Default 'zeros'. */
  attentionMovingMeanInitializer?: InitializerArgument;
  /** Default 'ones'. */
  attentionMovingVarianceInitializer?: InitializerArgument;
}

type Learned = 'attentionKernel' | 'attentionBias' | 'attentionGamma' | 'attentionBeta';
type State = 'movingMean' | 'movingVariance' | 'attentionMovingMean' | 'attentionMovingVariance';

const LEARNED: readonly Learned[] = [
  'attentionKernel',
  'attentionBias',
  'attentionGamma',
  'attentionBeta',
];
const STATE: Record<State, 'zeros' | 'ones'> = {
  movingMean: 'zeros',
  movingVariance: 'ones',
  attentionMovingMean: 'zeros',
  attentionMovingVariance: 'ones',
};
const SETTINGS: readonly (keyof AttentiveSettings)[] = [
  'backbone',
  'groups',
  'squeeze',
  'squeezeEpsilon',
  'unbiasedSqueezeVariance',
  'attentionNorm',
  'attentionActivation',
  'axis',
  'epsilon',
  'momentum',
  'unbiased',
];
const OWN = [
  ...SETTINGS,
  'k',
  'attentionUseBias',
  'lastGamma',
  ...LEARNED.flatMap(weightArguments),
  ...Object.keys(STATE).map((name) => `${name}Initializer`),
];

/** Samples below which statistics over the batch are poor: with two, normalized logits are +-1. */
const FEW_SAMPLES = 8;

const normalAround = (mean: number, stddev: number): InitializerArgument => ({
  className: 'RandomNormal',
  config: { mean, stddev, seed: null },
});
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Attentive normalization: batch or group norm whose scale and offset each sample mixes from K learned ones, by an
 * attention over its channels.
 *
 *     s = mean / sqrt(variance + squeezeEpsilon) of each sample and channel
 *     lambda = hardSigmoid(norm(attention_kernel . s))              K weights for each sample
 *     y = (sum_k lambda_k gamma[k,c]) * xhat + sum_k lambda_k beta[k,c]
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), `attention_kernel`, [K, C]; `attention_bias` (with
 * `attentionUseBias`), `attention_gamma`, `attention_beta` (with `attentionNorm`), [K]; not trained: `moving_mean`,
 * `moving_variance`, [C] (with a 'batch' backbone), `attention_moving_mean`, `attention_moving_variance`, [K] (with
 * `attentionNorm: 'batch'`). A layer that is not trainable is in inference mode. Training on fewer than eight samples
 * with `attentionNorm: 'batch'` warns, once for each layer.
 *
 * Throws a `NormError` for arguments out of their domain, for groups that do not divide the channels and for an
 * undefined channel dimension.
 *
 * Paper: Li, Sun & Wu, Attentive Normalization, arXiv 1908.01259.
 */
export class AttentiveNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'AttentiveNormalization';
  readonly k: number;
  readonly attentionUseBias: boolean;
  readonly lastGamma: boolean;
  override readonly axis: number;
  /** Checked, with their defaults. */
  readonly settings: Readonly<Required<AttentiveSettings>>;
  private readonly weightSettings: Record<Learned, WeightSettings>;
  private readonly stateInitializers: Record<State, Initializer>;
  private readonly attention: Partial<Record<Learned, LayerVariable>> = {};
  private readonly state: Partial<Record<State, LayerVariable>> = {};
  private warned = false;

  constructor(args?: AttentiveNormalizationArgs) {
    const given = args ?? {};
    const last = given.lastGamma === true;
    super(
      {
        ...given,
        gammaInitializer: given.gammaInitializer ?? (last ? 'zeros' : normalAround(1, 0.1)),
        betaInitializer: given.betaInitializer ?? (last ? 'zeros' : normalAround(0, 0.1)),
      },
      OWN,
    );
    const { fail } = this;
    const { k = 10, groups = 32 } = given;
    this.k = checkCount(fail, 'k', k);
    checkCount(fail, 'groups', groups);
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.settings = checkSettings(fail, { ...given, axis: this.axis });
    this.lastGamma = checkBoolean(fail, 'lastGamma', given.lastGamma ?? false);
    const useBias = given.attentionUseBias ?? this.settings.attentionNorm === 'none';
    this.attentionUseBias = checkBoolean(fail, 'attentionUseBias', useBias);
    this.weightSettings = {
      attentionKernel: toWeight(fail, given, 'attentionKernel', normalAround(0, (2 / k) ** 0.5)),
      attentionBias: toWeight(fail, given, 'attentionBias', 'zeros'),
      attentionGamma: toWeight(fail, given, 'attentionGamma', 'ones'),
      attentionBeta: toWeight(fail, given, 'attentionBeta', 'zeros'),
    };
    const initializers = Object.entries(STATE).map(([name, fallback]) => {
      const argument = `${name}Initializer` as `${State}Initializer`;
      return [name, toInitializer(fail, argument, given[argument], fallback)];
    });
    this.stateInitializers = Object.fromEntries(initializers) as Record<State, Initializer>;
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = this.fixChannels(inputShape, 1);
    const { k } = this;
    const { backbone, groups, attentionNorm } = this.settings;
    if (backbone === 'group') checkGroups(this.fail, groups, channels);
    this.addAffineWeights([k, channels]);
    const learn = (name: Learned, shape: number[]): void => {
      this.attention[name] = this.addLearned(snake(name), shape, this.weightSettings[name]);
    };
    const keep = (name: State, size: number): void => {
      const initializer = this.stateInitializers[name];
      this.state[name] = this.addWeight(
        snake(name),
        [size],
        'float32',
        initializer,
        undefined,
        false,
      );
    };
    learn('attentionKernel', [k, channels]);
    if (this.attentionUseBias) learn('attentionBias', [k]);
    if (attentionNorm !== 'none') {
      learn('attentionGamma', [k]);
      learn('attentionBeta', [k]);
    }
    if (backbone === 'batch') {
      keep('movingMean', channels);
      keep('movingVariance', channels);
    }
    if (attentionNorm === 'batch') {
      keep('attentionMovingMean', k);
      keep('attentionMovingVariance', k);
    }
    this.built = true;
  }

  protected override get learned(): LayerVariable[] {
    return [...super.learned, ...Object.values(this.attention)];
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const training = Boolean(kwargs?.training) && !this.frozen;
      if (training) this.warnOfFew(x.shape[0]!);
      const read = (weights: Record<string, LayerVariable>) =>
        Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, weight.read()]));
      const { attentionKernel, ...attention } = read(this.attention);
      const result = attentiveNorm(x, {
        ...this.settings,
        ...this.affine(),
        attentionKernel: attentionKernel!,
        ...attention,
        ...read(this.state),
        training,
      });
      if (training) {
        for (const [name, weight] of Object.entries(this.state)) {
          weight.write(result[name as State]);
        }
      }
      return result.y;
    });
  }

  private warnOfFew(samples: number): void {
    if (this.warned || this.settings.attentionNorm !== 'batch') return;
    if (samples === 0 || samples >= FEW_SAMPLES) return;
    this.warned = true;
    warn(
      `layer ${this.name}: batch norm of the attention over ${samples} sample${samples === 1 ? '' : 's'} is poor ` +
        `(fewer than ${FEW_SAMPLES}); consider attentionNorm: 'layer' or 'none'`,
    );
  }

  override getConfig(): serialization.ConfigDict {
    const weights = LEARNED.map((name) => serializeWeight(name, this.weightSettings[name]));
    const state = Object.entries(this.stateInitializers).map(([name, initializer]) => [
      `${name}Initializer`,
      serialize(initializer),
    ]);
    return {
      ...super.getConfig(),
      ...this.settings,
      k: this.k,
      attentionUseBias: this.attentionUseBias,
      lastGamma: this.lastGamma,
      ...Object.assign({}, ...weights),
      ...Object.fromEntries(state),
    };
  }
}
tf.serialization.registerClass(AttentiveNormalization);
