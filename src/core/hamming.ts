/** The choices of generalized Hamming layers, and the geometry of their convolutions. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import { checkChoice, checkPositive } from './checks';
import type { Fail } from './errors';
import { toParameter } from './tensors';

export const OUTPUTS = ['distance', 'similarity', 'centered', 'raw'] as const;
export const THRESHOLDS = ['none', 'relu', 'double', 'soft'] as const;
export const PAD_MODES = ['zero', 'neutral', 'count'] as const;
export const PADDINGS = ['valid', 'same'] as const;
/** What comes out, of the thresholded c: 1/2 - c, c - 1/2, c, or (L/2) (c - 1/2). */
export type HammingOutput = (typeof OUTPUTS)[number];
/** c, max(0, c), c where |c| > r and 0 elsewhere, or c times a soft version of that step. */
export type HammingThreshold = (typeof THRESHOLDS)[number];
/** What a tap in the padding is: 0, the neutral 1/2, or none, so that the mean is over the others. */
export type HammingPadMode = (typeof PAD_MODES)[number];

/** What follows the products. */
export interface HammingOptions {
  /** Default 'distance'. */
  output?: HammingOutput;
  /** Default 'none'. */
  threshold?: HammingThreshold;
  /**
   * The fuzziness below which 'double' and 'soft' suppress c: one number, or a tensor [channels]. Not negative as a
   * number. Default 0, which leaves c as it is.
   */
  r?: number | Tensor;
  /** The steepness of 'soft'; greater than 0. Default 8. */
  alpha?: number;
}

export const DEFAULT_ALPHA = 8;

export function checkRadius(fail: Fail, r: unknown): number {
  return typeof r === 'number' && r >= 0 && Number.isFinite(Math.fround(r))
    ? r
    : fail('r', 'must be a finite float32 number that is not negative', r);
}

/** The choices that need no tensor. */
export function checkChoices(
  fail: Fail,
  options: Pick<HammingOptions, 'output' | 'threshold' | 'alpha'>,
) {
  return {
    output: checkChoice(fail, 'output', OUTPUTS, options.output ?? 'distance'),
    threshold: checkChoice(fail, 'threshold', THRESHOLDS, options.threshold ?? 'none'),
    alpha: checkPositive(fail, 'alpha', options.alpha ?? DEFAULT_ALPHA),
  };
}

/** The attributes of the native op, and r as it takes it. */
export function checkHamming(fail: Fail, options: HammingOptions, channels: number) {
  const { output, threshold, alpha } = checkChoices(fail, options);
  const r = options.r ?? 0;
  const used = threshold === 'double' || threshold === 'soft';
  const number = r instanceof tf.Tensor || checkRadius(fail, r);
  const radius = () =>
    typeof number === 'number'
      ? tf.fill([channels], number)
      : toParameter(fail, 'r', r, [channels]);
  return {
    r: used ? radius() : tf.zeros([0]),
    attributes: {
      output: OUTPUTS.indexOf(output),
      threshold: THRESHOLDS.indexOf(threshold),
      alpha,
    },
  };
}

/** One axis of a convolution. */
export interface Window {
  input: number;
  kernel: number;
  stride: number;
  dilation: number;
  padding: (typeof PADDINGS)[number];
}

/** Outputs and padding along an axis, as TensorFlow has them. */
export function spanOf({ input, kernel, stride, dilation, padding }: Window) {
  const reach = (kernel - 1) * dilation + 1;
  if (padding === 'valid') {
    return { outputs: Math.max(0, Math.floor((input - reach) / stride) + 1), before: 0, after: 0 };
  }
  const outputs = Math.ceil(input / stride);
  const total = Math.max(0, (outputs - 1) * stride + reach - input);
  const before = Math.floor(total / 2);
  return { outputs, before, after: total - before };
}

/** How many taps of each output along an axis are not in the padding. */
export function tapsWithin(window: Window): number[] {
  const { outputs, before } = spanOf(window);
  return Array.from({ length: outputs }, (_, o) => {
    let within = 0;
    for (let k = 0; k < window.kernel; ++k) {
      const at = o * window.stride - before + k * window.dilation;
      if (at >= 0 && at < window.input) ++within;
    }
    return within;
  });
}
