/** What follows the products of generalized Hamming layers: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions, sizeOf } from '../core/checks';
import {
  hammingEpilogue as composedEpilogue,
  hammingEpilogueGrad as composedGrad,
  type HammingSettings,
} from '../core/composed/hamming';
import { type Fail, opFail } from '../core/errors';
import { checkHamming, type HammingOptions, OUTPUTS, THRESHOLDS } from '../core/hamming';
import { type Attributes, registerOp, registerOpGradient, runOp } from '../core/kernels';
import { toTensor } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { output: 'int', threshold: 'int', alpha: 'float' } as const;

const settingsOf = (attrs: Attributes): HammingSettings => ({
  output: OUTPUTS[attrs.output as number]!,
  threshold: THRESHOLDS[attrs.threshold as number]!,
  alpha: attrs.alpha as number,
});

registerOp({
  name: 'TfjsHammingEpilogue',
  inputs: ['acc', 'taps', 'r'],
  outputs: 1,
  attributes,
  composed({ acc, taps, r }, attrs) {
    if (acc!.size === 0) return [tf.clone(acc!)];
    return [composedEpilogue(acc!, taps!, r!, settingsOf(attrs))];
  },
});

registerOp({
  name: 'TfjsHammingEpilogueGrad',
  inputs: ['dy', 'acc', 'taps', 'r'],
  outputs: 2,
  attributes,
  composed({ dy, acc, taps, r }, attrs) {
    const settings = settingsOf(attrs);
    if (acc!.size === 0) {
      return [tf.zerosLike(acc!), tf.zeros(settings.threshold === 'soft' ? r!.shape : [0])];
    }
    const { dacc, dr } = composedGrad(dy!, acc!, taps!, r!, settings);
    return [dacc, dr];
  },
});

registerOpGradient({
  op: 'TfjsHammingEpilogue',
  inputsToSave: ['acc', 'taps', 'r'],
  gradient(dy, [acc, taps, r], attrs) {
    const inputs = { dy, acc: acc!, taps: taps!, r: r! };
    const [dacc, dr] = runOp('TfjsHammingEpilogueGrad', inputs, attrs);
    // Only the soft threshold moves with r.
    const moves = settingsOf(attrs).threshold === 'soft';
    return { acc: dacc!, taps: tf.zerosLike(taps!), r: moves ? dr! : tf.zerosLike(r!) };
  },
});

/** The epilogue of sums over `taps` taps, one number or one for each place of a sample. */
export function runEpilogue(
  fail: Fail,
  acc: Tensor,
  taps: number | number[],
  options: HammingOptions,
): Tensor {
  const { r, attributes: attrs } = checkHamming(fail, options, acc.shape.at(-1)!);
  const inputs = { acc, taps: tf.tensor1d([taps].flat()), r };
  return runOp('TfjsHammingEpilogue', inputs, attrs)[0]!;
}

/** Options of {@link hammingEpilogue}. */
export interface HammingEpilogueOptions extends HammingOptions {
  /** The number of terms of a sum: one for all, or one for each place of a sample in row-major order. Greater than 0. */
  taps: number | number[];
}

function hammingEpilogue_<T extends Tensor>(
  value: T | TensorLike,
  given: HammingEpilogueOptions,
): T {
  const fail = opFail('hammingEpilogue');
  const options = checkOptions(fail, given);
  const acc = toTensor(fail, 'acc', value);
  if (acc.rank < 2) fail('acc', 'must have rank 2 or more', acc.shape);
  const { taps } = options;
  const places = sizeOf(acc.shape.slice(1, -1));
  const positive = (n: unknown) => typeof n === 'number' && n > 0 && Number.isFinite(n);
  const list = Array.isArray(taps) ? taps : [taps];
  if (!list.every(positive) || (Array.isArray(taps) && ![1, places].includes(taps.length))) {
    fail('taps', `must be a number greater than 0, or a list of ${places} of them`, taps);
  }
  return runEpilogue(fail, acc, taps, options) as T;
}

/**
 * Generalized Hamming distances from sums of products of shifted operands: what follows the product in `hammingDense`
 * and `hammingConv2d`, in one pass.
 *
 *     c = 2 acc / taps    acc = sum (x - 1/2) (w - 1/2) over the taps
 *     t = c | max(0, c) | c where |c| > r, else 0 | c (sigmoid(alpha (c - r)) + sigmoid(alpha (-c - r)))
 *     y = 1/2 - t | t - 1/2 | t | taps / 2 (t - 1/2)
 *
 * by `threshold` 'none', 'relu', 'double', 'soft' and `output` 'distance', 'similarity', 'centered', 'raw'. `acc` is
 * [batch, ..., channels] and y has its shape. Differentiable by `acc` and, with 'soft', by `r`.
 *
 * Throws a `NormError` where an argument is out of its domain or a tensor is not float32 or of another shape.
 *
 * Paper: Fan, Revisit Fuzzy Neural Network: Demystifying Batch Normalization and ReLU with Generalized Hamming Network,
 * arXiv 1710.10328.
 */
export const hammingEpilogue = tf.op({ hammingEpilogue_ }) as typeof hammingEpilogue_;
