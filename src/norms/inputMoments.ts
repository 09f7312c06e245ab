/** Where a network whose moments are propagated begins. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import type { Fail } from '../core/errors';
import { type Kwargs, NormalizationLayer } from '../core/layer';
import type { LayerArguments } from '../core/layerArguments';
import { tf } from '../tensorflow';

/** Moments as an argument: a number, or with `channels` known one for each of them. */
export function checkMoments(
  fail: Fail,
  argument: string,
  value: unknown,
  least: number,
  channels: number | null = null,
): number | number[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || !list.every((one) => Number.isFinite(one) && one >= least)) {
    const domain = least === 0 ? 'finite numbers of 0 or more' : 'finite numbers';
    fail(argument, `must be ${domain}, one or a list`, value);
  }
  if (channels !== null && Array.isArray(value) && value.length !== channels) {
    fail(argument, `must be a number or ${channels} of them`, value);
  }
  return Array.isArray(value) ? [...value] : (value as number);
}

/** Arguments of {@link InputMoments}. */
export interface InputMomentsArgs extends LayerArguments {
  /** Of the input: one number for all channels, or one for each. Default 0. */
  mean?: number | number[];
  /** As mean; 0 or more. Default 1. */
  variance?: number | number[];
}

/**
 * Where a network with propagated moments begins: gives its input, channels last, with their `mean` and `variance`, both
 * [channels], as a list of three tensors. Without arguments those of an input that is standardized.
 *
 * Throws a `NormError` for arguments out of their domain, for undefined channels and where there are as many numbers as no
 * channels.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export class InputMoments extends NormalizationLayer {
  /** @nocollapse */
  static readonly className: string = 'InputMoments';
  readonly mean: number | number[];
  readonly variance: number | number[];

  constructor(args?: InputMomentsArgs) {
    super(args, ['mean', 'variance']);
    this.mean = checkMoments(this.fail, 'mean', args?.mean ?? 0, -Infinity);
    this.variance = checkMoments(this.fail, 'variance', args?.variance ?? 1, 0);
    this.supportsMasking = false;
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = this.onlyShape(inputShape);
    if (shape.length < 2) this.fail('inputShape', 'must have rank 2 or more', shape);
    const channels = this.knownExtent(shape, shape.length - 1);
    checkMoments(this.fail, 'mean', this.mean, -Infinity, channels);
    checkMoments(this.fail, 'variance', this.variance, 0, channels);
    this.built = true;
  }

  // tfjs's types have one shape or several.
  override computeOutputShape(inputShape: Shape | Shape[]): never {
    const shape = this.onlyShape(inputShape);
    return [shape, [shape.at(-1)], [shape.at(-1)]] as never;
  }

  override call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor[] {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      const x = this.onlyTensor(inputs);
      const channels = [x.shape.at(-1)!];
      const each = (of: number | number[]) =>
        Array.isArray(of) ? tf.tensor1d(of) : tf.fill(channels, of);
      return [x, each(this.mean), each(this.variance)];
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { ...super.getConfig(), mean: this.mean, variance: this.variance };
  }
}
tf.serialization.registerClass(InputMoments);
