/** The residual blocks of Fixup. */
import type { serialization } from '@tensorflow/tfjs-node';
import { checkInteger } from '../core/checks';
import { tf } from '../tensorflow';
import { type Convolution, FixupBlock, type FixupBlockArgs } from './fixupBlock';

export type { FixupBlockArgs, FixupShortcut } from './fixupBlock';

/** Arguments of {@link FixupBottleneckBlock}. */
export interface FixupBottleneckBlockArgs extends FixupBlockArgs {
  /** Channels of the output for each of the 3x3 convolution. Default 4. */
  expansion?: number;
}

/**
 * Fixup's residual block of two 3x3 convolutions, the first with the strides, for [batch, height, width, channels]:
 *
 *     h = relu(conv1(x + bias1a) + bias1b);  y = relu(scale * conv2(h + bias2a) + bias2b + shortcut)
 *
 * The convolutions have no bias, padding 'same'. The shortcut is x where it fits, else made from x + bias1a as `shortcut`
 * says. Weights: `kernel1`, `kernel2`, the five scalars, all [1], and `kernel_projection`. kernel1 starts with deviation
 * sqrt(2 / fan) / sqrt(numBranches), kernel2 at 0, the projection with sqrt(2 / fan).
 *
 * Throws a `NormError` for arguments out of their domain and inputs that do not fit.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export class FixupBasicBlock extends FixupBlock {
  /** @nocollapse */
  static readonly className: string = 'FixupBasicBlock';

  constructor(args: FixupBlockArgs) {
    super(args, []);
  }

  protected get convolutions(): Convolution[] {
    const convolution = { size: 3, channels: this.filters };
    return [
      { ...convolution, strided: true },
      { ...convolution, strided: false },
    ];
  }
}
tf.serialization.registerClass(FixupBasicBlock);

/**
 * Fixup's residual block of a 1x1 convolution to filters / expansion channels, a 3x3 one with the strides, and a 1x1 one to
 * `filters` channels, for [batch, height, width, channels]:
 *
 *     h = relu(conv1(x + bias1a) + bias1b);  h = relu(conv2(h + bias2a) + bias2b)
 *     y = relu(scale * conv3(h + bias3a) + bias3b + shortcut)
 *
 * See {@link FixupBasicBlock}; kernel1 and kernel2 start with deviation sqrt(2 / fan) / numBranches^(1/4), kernel3 at 0.
 *
 * Throws a `NormError` for arguments out of their domain, filters that `expansion` does not divide, and inputs that do not
 * fit.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export class FixupBottleneckBlock extends FixupBlock {
  /** @nocollapse */
  static readonly className: string = 'FixupBottleneckBlock';
  readonly expansion: number;

  constructor(args: FixupBottleneckBlockArgs) {
    super(args, ['expansion']);
    this.expansion = checkInteger(this.fail, 'expansion', args.expansion ?? 4, 1);
    if (this.filters % this.expansion !== 0) {
      this.fail('filters', `must be a multiple of the expansion, ${this.expansion}`, this.filters);
    }
  }

  protected get convolutions(): Convolution[] {
    const inner = this.filters / this.expansion;
    return [
      { size: 1, channels: inner, strided: false },
      { size: 3, channels: inner, strided: true },
      { size: 1, channels: this.filters, strided: false },
    ];
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), expansion: this.expansion };
  }
}
tf.serialization.registerClass(FixupBottleneckBlock);
