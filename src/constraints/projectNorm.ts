/** The constraint of the weights of each output to a constant norm. */
import type { serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkOptions, checkPositive, resolveAxes } from '../core/checks';
import { type Fail, layerFail } from '../core/errors';
import { checkAxes } from '../core/layer';
import { weightNorm } from '../norms/weightNorm';
import { tf } from '../tensorflow';
import { Constraint } from './constraint';

/** Arguments of {@link ProjectNorm}. */
export interface ProjectNormArgs {
  /** The norm that weights are given; greater than 0. Default 1. */
  norm?: number;
  /** The axes over which it is, the others being adjacent. Default null, all but the last: those of an output's weights. */
  axis?: number | number[] | null;
}

// The least normal float32: the squares of what is shorter are no numbers.
const LEAST_SQUARE = 2 ** -126;

/** The axes of the outputs, as {@link weightNorm} takes them. */
function keptAxes(fail: Fail, axis: ProjectNormArgs['axis'], { rank, shape }: Tensor) {
  if (rank === 0) fail('w', 'must have rank 1 or more', shape);
  const over = axis == null ? [...shape.keys()].slice(0, -1) : resolveAxes(fail, axis, rank);
  const kept = [...shape.keys()].filter((one) => !over.includes(one));
  return kept.length > 0 ? kept : null;
}

/**
 * After every step, the weights of each output have the same norm again: w = norm * w / ||w||, the norm over all axes but
 * the outputs'. Where the loss does not depend on their length, as before a normalization, the gradient is orthogonal to
 * them and a step only lengthens them, which makes the next steps smaller; the projection keeps the steps' size. Weights
 * that are all 0 stay so.
 *
 *     tf.layers.conv2d({ filters: 32, kernelSize: 3, kernelConstraint: norm.constraints.projectNorm() });
 *
 * One native call. Kernels of transposed convolutions have their outputs on axis -2 (`axis: [0, 1, 3]`), those of
 * depthwise ones on the last two (`axis: [0, 1]`). Throws a `NormError` for a norm that is not positive, for an axis that
 * the weight has not, and where the axes of the outputs are not adjacent.
 *
 * Paper: Shekhovtsov & Flach, Stochastic Normalizations as Bayesian Learning, arXiv 1811.00639.
 */
export class ProjectNorm extends Constraint {
  /** @nocollapse */
  static readonly className: string = 'ProjectNorm';
  readonly norm: number;
  readonly axis: number | number[] | null;

  constructor(given?: ProjectNormArgs | null) {
    super();
    const fail = layerFail(this.getClassName());
    const args = checkOptions(fail, given);
    this.norm = checkPositive(fail, 'norm', args.norm ?? 1);
    this.axis = args.axis == null ? null : checkAxes(fail, args.axis);
  }

  override apply(w: Tensor): Tensor {
    return tf.tidy(() => {
      const axis = keptAxes(layerFail(this.getClassName()), this.axis, w);
      const g = tf.fill(
        (axis ?? []).map((one) => w.shape[one]!),
        this.norm,
      );
      return weightNorm(w, { g, axis, epsilon: LEAST_SQUARE });
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { norm: this.norm, axis: this.axis };
  }
}
tf.serialization.registerClass(ProjectNorm);

/** A {@link ProjectNorm} constraint. */
export function projectNorm(args?: ProjectNormArgs): ProjectNorm {
  return new ProjectNorm(args);
}
