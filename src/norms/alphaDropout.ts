/** The alpha dropout op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions, checkPositive } from '../core/checks';
import { alphaDropout as composedAlphaDropout } from '../core/composed/selu';
import {
  checkRate,
  type NoiseShape,
  type RandomOptions,
  seedInput,
  sharedAxes,
  thresholdOf,
} from '../core/dropout';
import { type Fail, opFail } from '../core/errors';
import { registerOp, registerOpGradient, runOp } from '../core/kernels';
import {
  affineOf,
  checkFixedPoint,
  checkSelu,
  type FixedPoint,
  type SeluOptions,
} from '../core/selu';
import { toInput } from '../core/tensors';
import { tf } from '../tensorflow';

/** Options of {@link alphaDropout} and {@link seluAlphaDropout}. */
export interface AlphaDropoutOptions extends SeluOptions, FixedPoint, RandomOptions {
  /** The probability with which an element is dropped, from 0 to 1, 1 excluded. */
  rate: number;
  /** Extents of the mask: an extent of 1 drops all elements along that axis together. Default: those of `x`. */
  noiseShape?: NoiseShape | null;
}

const random = { threshold: 'int', shared_axes: 'int' } as const;

registerOp({
  name: 'TfjsAlphaDropout',
  inputs: ['x', 'seed'],
  outputs: 1,
  attributes: { slope: 'float', offset: 'float', dropped: 'float', ...random },
  composed: ({ x, seed }, attrs) => [composedAlphaDropout(x!, seed!, attrs)],
});

registerOp({
  name: 'TfjsAlphaDropoutGrad',
  inputs: ['dy', 'seed'],
  outputs: 1,
  attributes: { slope: 'float', ...random },
  composed: ({ dy, seed }, { slope, threshold, shared_axes }) => [
    composedAlphaDropout(dy!, seed!, {
      slope: slope!,
      threshold: threshold!,
      shared_axes: shared_axes!,
    }),
  ],
});

registerOpGradient({
  op: 'TfjsAlphaDropout',
  inputsToSave: ['seed'],
  gradient(dy, [seed], attrs) {
    const [dx] = runOp('TfjsAlphaDropoutGrad', { dy, seed: seed! }, attrs);
    return { x: dx! };
  },
});

/** The arguments of alpha dropout, checked and in the numbers of the kernels. */
export function dropoutOf(fail: Fail, options: AlphaDropoutOptions, shape: number[]) {
  const rate = checkRate(fail, options.rate);
  const { alpha, lambda } = checkSelu(fail, options);
  const fixedPoint = checkFixedPoint(fail, options);
  const shared_axes = sharedAxes(fail, options.noiseShape, shape);
  const saturation = checkPositive(fail, 'alpha * lambda', alpha * lambda);
  const { a, b } = affineOf(rate, saturation, fixedPoint);
  return { rate, lambda, saturation, a, b, random: { threshold: thresholdOf(rate), shared_axes } };
}

function alphaDropout_<T extends Tensor>(value: T | TensorLike, given: AlphaDropoutOptions): T {
  const fail = opFail('alphaDropout');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 0);
  const { rate, saturation, a, b, random: mask } = dropoutOf(fail, options, x.shape);
  const seed = seedInput(fail, options);
  // Nothing is dropped: x to the bit.
  if (rate === 0) return tf.clone(x) as T;
  const attrs = { slope: a, offset: b, dropped: b - a * saturation, ...mask };
  return runOp('TfjsAlphaDropout', { x, seed }, attrs)[0] as T;
}

/**
 * Alpha dropout: dropped elements get the value of SELU far below 0, alpha' = -lambda * alpha, and an affine map gives
 * the whole the mean and variance that it had.
 *
 *     d = 1 with probability q = 1 - rate, else 0        y = a * (d ? x : alpha') + b
 *     a = sqrt(variance / (q * ((1 - q) * (alpha' - mean)^2 + variance)))    b = mean - a * (q * mean + (1 - q) * alpha')
 *
 * For tensors of any shape. What is dropped is a function of `seed`, `stream`, `rate` and the element's place alone, the
 * same on every device; without a seed it is new in every call. Along axes where `noiseShape` is 1 elements are dropped
 * together. The gradient is a * dy where an element was kept and 0 elsewhere.
 *
 * Throws a `NormError` where an argument is out of its domain (rate 1 among them) or `x` is not float32.
 *
 * Paper: Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, arXiv 1706.02515.
 */
export const alphaDropout = tf.op({ alphaDropout_ }) as typeof alphaDropout_;
