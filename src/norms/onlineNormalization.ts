/** The online normalization layer. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkEpsilon, checkFraction, checkPositive } from '../core/checks';
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
import { checkCompensation, type ErrorCompensation, onlineNorm } from './onlineNorm';

/** Arguments of {@link OnlineNormalization}. */
export interface OnlineNormalizationArgs extends AffineArguments {
  /** The axis of the channels; any but the batch axis 0. Default -1. */
  axis?: number;
  /** The decay of the moving statistics, for each sample. Default 0.999. */
  alphaForward?: number;
  /** The decay of the control process of the gradient, for each sample. Default 0.99. */
  alphaBackward?: number;
  /** Added to the variance, inside the root; greater than 0. Default 1e-5. */
  epsilon?: number;
  /** What is done to outputs that outdated statistics make large: 'clamp', 'layerScaling' or 'none'. Default 'clamp'. */
  errorCompensation?: ErrorCompensation;
  /** With 'clamp': the bound of |y|; greater than 0. Default 5. */
  clampValue?: number;
  /** With 'layerScaling': added to the mean square of a sample; greater than 0. Default 1e-5. */
  layerScalingEpsilon?: number;
  /** Whether states are [2, C] and keep what float32 cuts off, in their second row. Default false. */
  preciseStates?: boolean;
  /** Default 'zeros'. */
  movingMeanInitializer?: InitializerArgument;
  /** Default 'ones'. */
  movingVarianceInitializer?: InitializerArgument;
}

const OWN = [
  'axis',
  'alphaForward',
  'alphaBackward',
  'epsilon',
  'errorCompensation',
  'clampValue',
  'layerScalingEpsilon',
  'preciseStates',
  'movingMeanInitializer',
  'movingVarianceInitializer',
];

/**
 * Online normalization: normalization without a batch, by decaying statistics of the samples before each sample.
 *
 *     y = gamma[c] * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta[c], then error compensation
 *
 * In training every sample is normalized by the statistics before it and moves them; samples count in the order of
 * axis 0, so shuffle the data. At inference the statistics are constants. The gradient of x is the output of a control
 * process, whose state every backward pass moves.
 *
 * Weights: `gamma` (with `scale`), `beta` (with `center`), [C]; `moving_mean`, `moving_variance`, `control_u`,
 * `control_v`, [C], with `preciseStates` [2, C]. A layer that is not trainable, itself or through a model that is not,
 * is in inference mode. The states change only when the call, or the backward pass, succeeds.
 *
 * Throws a `NormError` for arguments out of their domain and for an undefined channel dimension.
 *
 * Paper: Chiley et al., Online Normalization for Training Neural Networks, arXiv 1905.05894.
 */
export class OnlineNormalization extends ChannelLayer {
  /** @nocollapse */
  static readonly className: string = 'OnlineNormalization';
  override readonly axis: number;
  readonly alphaForward: number;
  readonly alphaBackward: number;
  readonly epsilon: number;
  readonly errorCompensation: ErrorCompensation;
  readonly clampValue: number;
  readonly layerScalingEpsilon: number;
  readonly preciseStates: boolean;
  readonly movingMeanInitializer: Initializer;
  readonly movingVarianceInitializer: Initializer;
  /**
   * Whether training calls move the statistics, and their backward passes the control process. Set it to false for
   * calls that are repeated: the first of two that recompute a result, or a gradient that is evaluated again. A backward
   * pass goes by what it was at its call. No part of the configuration.
   */
  updateStates = true;
  protected movingMean: LayerVariable | null = null;
  protected movingVariance: LayerVariable | null = null;
  protected controlU: LayerVariable | null = null;
  protected controlV: LayerVariable | null = null;

  constructor(args?: OnlineNormalizationArgs) {
    super(args, OWN);
    const { fail } = this;
    const given = args ?? {};
    this.axis = checkChannelAxis(fail, given.axis ?? -1);
    this.alphaForward = checkFraction(fail, 'alphaForward', given.alphaForward ?? 0.999);
    this.alphaBackward = checkFraction(fail, 'alphaBackward', given.alphaBackward ?? 0.99);
    this.epsilon = checkEpsilon(fail, given.epsilon ?? 1e-5);
    this.errorCompensation = checkCompensation(fail, given.errorCompensation ?? 'clamp');
    this.clampValue = checkPositive(fail, 'clampValue', given.clampValue ?? 5);
    const scaling = given.layerScalingEpsilon ?? 1e-5;
    this.layerScalingEpsilon = checkPositive(fail, 'layerScalingEpsilon', scaling);
    this.preciseStates = checkBoolean(fail, 'preciseStates', given.preciseStates ?? false);
    const { movingMeanInitializer: mean, movingVarianceInitializer: variance } = given;
    this.movingMeanInitializer = toInitializer(fail, 'movingMeanInitializer', mean, 'zeros');
    this.movingVarianceInitializer = toInitializer(
      fail,
      'movingVarianceInitializer',
      variance,
      'ones',
    );
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = this.fixChannels(inputShape, 1);
    this.addAffineWeights([channels]);
    this.movingMean = this.addState('moving_mean', channels, this.movingMeanInitializer);
    this.movingVariance = this.addState(
      'moving_variance',
      channels,
      this.movingVarianceInitializer,
    );
    this.controlU = this.addState('control_u', channels, tf.initializers.zeros());
    this.controlV = this.addState('control_v', channels, tf.initializers.zeros());
    this.built = true;
  }

  /** Initializers are of the values, not of what float32 cuts off them. */
  private addState(name: string, channels: number, initializer: Initializer): LayerVariable {
    const shape = this.preciseStates ? [2, channels] : [channels];
    const start = this.preciseStates ? tf.initializers.zeros() : initializer;
    const state = this.addWeight(name, shape, 'float32', start, undefined, false);
    if (this.preciseStates) {
      tf.tidy(() => {
        const values = initializer.apply([channels], 'float32');
        state.write(tf.stack([values, tf.zerosLike(values)]));
      });
    }
    return state;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const { movingMean, movingVariance, updateStates } = this;
      const training = Boolean(kwargs?.training) && !this.frozen;
      const result = onlineNorm(x, {
        ...this.affine(),
        movingMean: movingMean!.read(),
        movingVariance: movingVariance!.read(),
        training,
        axis: this.axis,
        epsilon: this.epsilon,
        alphaForward: this.alphaForward,
        alphaBackward: this.alphaBackward,
        errorCompensation: this.errorCompensation,
        clampValue: this.clampValue,
        layerScalingEpsilon: this.layerScalingEpsilon,
        control: { u: this.controlU!.read(), v: this.controlV!.read() },
        updateControl: updateStates,
      });
      if (training && updateStates) {
        movingMean!.write(result.movingMean);
        movingVariance!.write(result.movingVariance);
      }
      return result.y;
    });
  }

  override getConfig(): serialization.ConfigDict {
    return {
      ...super.getConfig(),
      axis: this.axis,
      alphaForward: this.alphaForward,
      alphaBackward: this.alphaBackward,
      epsilon: this.epsilon,
      errorCompensation: this.errorCompensation,
      clampValue: this.clampValue,
      layerScalingEpsilon: this.layerScalingEpsilon,
      preciseStates: this.preciseStates,
      movingMeanInitializer: serialize(this.movingMeanInitializer),
      movingVarianceInitializer: serialize(this.movingVarianceInitializer),
    };
  }
}
tf.serialization.registerClass(OnlineNormalization);
