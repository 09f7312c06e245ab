/** The initializer of weights in the residual branches of a network without normalization. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkInteger, checkOptions } from '../core/checks';
import { checkSeed } from '../core/dropout';
import { layerFail } from '../core/errors';
import { tf } from '../tensorflow';
import { fansOf } from './exactNormal';
import { Initializer, randomNormal } from './initializer';

/** Arguments of {@link fixup}. */
export interface FixupArgs {
  /** The residual branches of the whole network, 1 or more. */
  numBranches: number;
  /** The layers with weights in a branch, 1 or more. Default 2. */
  layersInBranch?: number;
  /** Which of them this is, from 0 on; the last one starts at 0. Default 0. */
  layerIndex?: number;
  /** Default 'fanOut', as in the authors' code. */
  mode?: 'fanOut' | 'fanIn';
  /** An integer: the same weights every time. Default random. */
  seed?: number | null;
}

/** See {@link fixup}. */
export class FixupInitializer extends Initializer {
  /** @nocollapse */
  static readonly className: string = 'FixupInitializer';
  readonly numBranches: number;
  readonly layersInBranch: number;
  readonly layerIndex: number;
  readonly mode: 'fanOut' | 'fanIn';
  readonly seed: number | null;

  constructor(given: FixupArgs) {
    super();
    const fail = layerFail(this.getClassName());
    const args: Partial<FixupArgs> = checkOptions(fail, given);
    const { mode = 'fanOut', seed } = args;
    this.numBranches = checkInteger(fail, 'numBranches', args.numBranches, 1);
    this.layersInBranch = checkInteger(fail, 'layersInBranch', args.layersInBranch ?? 2, 1);
    this.layerIndex = checkInteger(fail, 'layerIndex', args.layerIndex ?? 0, 0);
    if (this.layerIndex >= this.layersInBranch) {
      fail('layerIndex', `must be below layersInBranch, ${this.layersInBranch}`, this.layerIndex);
    }
    if (mode !== 'fanOut' && mode !== 'fanIn') fail('mode', "must be 'fanOut' or 'fanIn'", mode);
    this.mode = mode;
    this.seed = seed == null ? null : checkSeed(fail, seed);
  }

  /** The standard deviation of a kernel's weights. */
  deviation(shape: Shape): number {
    const { numBranches, layersInBranch, layerIndex } = this;
    if (layerIndex === layersInBranch - 1) return 0;
    const [fanIn, fanOut] = fansOf(shape);
    const fan = Math.max(1, this.mode === 'fanOut' ? fanOut : fanIn);
    return Math.sqrt(2 / fan) * numBranches ** (-1 / (2 * layersInBranch - 2));
  }

  override apply(shape: Shape, dtype: 'float32' = 'float32'): Tensor {
    if (dtype !== 'float32') layerFail(this.getClassName())('dtype', "must be 'float32'", dtype);
    const extents = shape as number[];
    const deviation = this.deviation(shape);
    if (deviation === 0) return tf.zeros(extents);
    return randomNormal(extents, deviation, this.seed);
  }

  override getConfig(): serialization.ConfigDict {
    const { numBranches, layersInBranch, layerIndex, mode, seed } = this;
    return { numBranches, layersInBranch, layerIndex, mode, seed };
  }
}
tf.serialization.registerClass(FixupInitializer);

/**
 * Weights of a layer in a residual branch by Fixup: the last layer of a branch starts at 0, the others have the standard
 * deviation sqrt(2 / fan) * numBranches^(-1 / (2 * layersInBranch - 2)), so that one step of training changes what the
 * network computes equally at any depth. Normally distributed.
 *
 * Throws a `NormError` for arguments out of their domain (a network without branches needs none of this: numBranches 0
 * is refused) and data types other than float32.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export function fixup(args: FixupArgs): FixupInitializer {
  return new FixupInitializer(args);
}
