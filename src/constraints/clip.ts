/** The constraint of weights to an interval. */
import type { serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { layerFail } from '../core/errors';
import { tf } from '../tensorflow';
import { Constraint } from './constraint';

/** Arguments of {@link Clip}. */
export interface ClipArgs {
  /** The least value of a weight. Default none. */
  minValue?: number | null;
  /** The largest. Default none. */
  maxValue?: number | null;
}

/** Weights outside of an interval move to its nearest end. Throws a `NormError` for one that is empty or not of numbers. */
export class Clip extends Constraint {
  /** @nocollapse */
  static readonly className: string = 'Clip';
  readonly minValue: number | null;
  readonly maxValue: number | null;

  constructor(given?: ClipArgs | null) {
    super();
    const fail = layerFail(this.getClassName());
    const args = checkOptions(fail, given);
    const bound = (name: keyof ClipArgs) => {
      const value = args[name] ?? null;
      return value === null || Number.isFinite(value)
        ? value
        : fail(name, 'must be a finite number, or null for none', value);
    };
    this.minValue = bound('minValue');
    this.maxValue = bound('maxValue');
    if (this.minValue !== null && this.maxValue !== null && this.minValue > this.maxValue) {
      fail('minValue', 'must not be above maxValue', this.minValue);
    }
  }

  override apply(w: Tensor): Tensor {
    return tf.tidy(() => {
      const { minValue, maxValue } = this;
      const least = minValue === null ? w : tf.maximum(w, minValue);
      return maxValue === null ? least : tf.minimum(least, maxValue);
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { minValue: this.minValue, maxValue: this.maxValue };
  }
}
tf.serialization.registerClass(Clip);

/** A {@link Clip} constraint. */
export function clip(args?: ClipArgs): Clip {
  return new Clip(args);
}
