/** The gains that keep the norms of activations or gradients in networks with weight normalization. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { layerFail } from '../core/errors';
import { tf } from '../tensorflow';
import { Initializer } from './initializer';

/** What follows a layer: a ReLU; nothing; it is a projection shortcut, or the last layer of a residual branch. */
export type WeightNormRole = 'relu' | 'linear' | 'shortcut' | 'lastInBranch';

/** Which norm the gain preserves: that of activations, that of gradients, or a compromise. */
export type WeightNormVariant = 'forward' | 'backward' | 'geometricMean';

const ROLES = ['relu', 'linear', 'shortcut', 'lastInBranch'];
const VARIANTS = ['forward', 'backward', 'geometricMean'];

/** Arguments of {@link weightNormGain}. */
export interface WeightNormGainArgs {
  /** Default 'relu'. */
  role?: WeightNormRole;
  /** Default 'forward'. */
  variant?: WeightNormVariant;
  /** The number of residual blocks in the stage of the layer; needed for 'lastInBranch'. */
  blocksInStage?: number | null;
  /** The inputs of the layer, of a convolution its input channels. Default those of the weight normalization layer. */
  fanIn?: number | null;
  /** The outputs of the layer, alike. */
  fanOut?: number | null;
}

/** See {@link weightNormGain}. */
export class WeightNormGain extends Initializer {
  /** @nocollapse */
  static readonly className: string = 'WeightNormGain';
  readonly role: WeightNormRole;
  readonly variant: WeightNormVariant;
  readonly blocksInStage: number | null;
  readonly fanIn: number | null;
  readonly fanOut: number | null;

  constructor(given?: WeightNormGainArgs | null) {
    super();
    const fail = layerFail('WeightNormGain');
    const args = checkOptions(fail, given);
    const oneOf = <T>(name: 'role' | 'variant', values: string[]): T => {
      const value: unknown = args[name] ?? values[0];
      if (!values.includes(value as string)) {
        fail(name, `must be one of '${values.join("', '")}'`, value);
      }
      return value as T;
    };
    const positive = (name: 'blocksInStage' | 'fanIn' | 'fanOut'): number | null => {
      const value = args[name] ?? null;
      if (value !== null && !(Number.isInteger(value) && value > 0)) {
        fail(name, 'must be a positive integer', value);
      }
      return value;
    };
    this.role = oneOf('role', ROLES);
    this.variant = oneOf('variant', VARIANTS);
    this.blocksInStage = positive('blocksInStage');
    this.fanIn = positive('fanIn');
    this.fanOut = positive('fanOut');
    if (this.role === 'lastInBranch' && this.blocksInStage === null) {
      fail('blocksInStage', "must be given for role 'lastInBranch'", args.blocksInStage);
    }
  }

  /** The gain of a layer with so many inputs and outputs, where the arguments do not say how many. */
  gain(inputs: number | null, outputs: number | null): number {
    const fanIn = this.fanIn ?? inputs;
    const fanOut = this.fanOut ?? outputs;
    if (fanIn === null || fanOut === null) {
      const name = fanIn === null ? 'fanIn' : 'fanOut';
      const expected = 'must be given outside of a weight normalization layer';
      return layerFail('WeightNormGain')(name, expected, null);
    }
    const gamma = { relu: 2, linear: 1, shortcut: 1, lastInBranch: 1 / (this.blocksInStage ?? 1) };
    const power = { forward: 1 / 2, backward: 0, geometricMean: 1 / 4 };
    return Math.sqrt(gamma[this.role]) * (fanIn / fanOut) ** power[this.variant];
  }

  override apply(shape: Shape): Tensor {
    return tf.fill(shape as number[], this.gain(null, null));
  }

  override getConfig(): serialization.ConfigDict {
    const { role, variant, blocksInStage, fanIn, fanOut } = this;
    return { role, variant, blocksInStage, fanIn, fanOut };
  }
}
tf.serialization.registerClass(WeightNormGain);

/**
 * Initializer of the gains g of weight normalization layers.
 *
 *     forward         g = sqrt(gamma * fanIn / fanOut)         keeps ||activations||
 *     backward        g = sqrt(gamma)                          keeps ||gradients||
 *     geometricMean   g = sqrt(gamma) * (fanIn / fanOut)^(1/4)
 *     gamma           2 before a ReLU; 1 for 'linear' and 'shortcut'; 1 / blocksInStage for 'lastInBranch'
 *
 * A residual block is h + conv2(relu(conv1(h))), with no ReLU before conv1 and none after the sum. Directions are to be
 * orthogonal (`norm.initializers.orthogonal`), biases 0.
 *
 * Throws a `NormError` for arguments out of their domain, and where it has to make gains without fanIn and fanOut.
 *
 * Paper: Arpit, Campos & Bengio, How to Initialize your Network? Robust Initialization for WeightNorm & ResNets, arXiv
 * 1906.02341. It proposes 'forward'; 'geometricMean' is our reading of the combinations that it mentions.
 */
export function weightNormGain(args?: WeightNormGainArgs): WeightNormGain {
  return new WeightNormGain(args);
}
