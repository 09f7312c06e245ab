/** Mixup: training on sums of two samples, with the losses of both labels. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { checkBoolean, checkInteger, checkOptions } from '../core/checks';
import { checkSeed, randomSeed } from '../core/dropout';
import { type Fail, opFail } from '../core/errors';
import { Random } from '../core/random';
import { toInput } from '../core/tensors';
import { tf } from '../tensorflow';

/** Options of {@link mixup}. */
export interface MixupOptions {
  /** Of the beta distribution of lambda; 0 mixes nothing, 1 is uniform. Default 1. */
  alpha?: number;
  /** Whether every sample has a lambda of its own, not the batch one. Default false. */
  perSample?: boolean;
  /** An integer; the same seed and stream mix in the same way. Default new random numbers every call. */
  seed?: number;
  /** The number of the call with this seed, from 0. Default 0. */
  stream?: number;
}

/** What {@link mixup} gives. */
export interface MixupResult {
  /** lambda * x + (1 - lambda) * x[order], of the shape of x. */
  x: Tensor;
  /** The labels as they were. */
  ya: Tensor;
  /** The labels of the samples that are mixed in. */
  yb: Tensor;
  /** The share of the sample itself, from 0 to 1: [], or [samples] with `perSample`. */
  lambda: Tensor;
  /** lambda * ya + (1 - lambda) * yb where labels are float32, as one-hot labels are for `model.fit`; else null. */
  y: Tensor | null;
}

/** Of the rank of a tensor with samples along its first axis. */
const spread = (lambda: Tensor, rank: number) =>
  lambda.rank === 0 ? lambda : tf.reshape(lambda, [-1, ...Array(rank - 1).fill(1)]);

function blend(a: Tensor, b: Tensor, lambda: Tensor): Tensor {
  const share = spread(lambda, a.rank);
  return tf.add(tf.mul(a, share), tf.mul(b, tf.sub(1, share)));
}

function toLabels(fail: Fail, y: unknown, samples: number): Tensor {
  if (!(y instanceof tf.Tensor) || y.isDisposed) return fail('y', 'must be a tensor', y);
  const own = y.shape[0];
  return own === samples ? y : fail('y', `must have ${samples} samples, as x has`, y.shape);
}

/**
 * Mixes every sample of a batch with another one, drawn at random, by a share lambda of Beta(alpha, alpha); one lambda for
 * the batch, as in the authors' code, unless `perSample`. The loss is that of both labels:
 *
 *     const { x, ya, yb, lambda } = norm.data.mixup(images, labels, { alpha: 0.7 });
 *     loss = lambda * crossEntropy(ya, model(x)) + (1 - lambda) * crossEntropy(yb, model(x))
 *
 * For one-hot labels this is the cross entropy of `y`, the mixed labels, which `model.fit` takes as they are. Regularizes
 * networks without normalization, which overfit (Fixup uses alpha 0.7 on ImageNet).
 *
 * Throws a `NormError` where x is not float32, where y is not a tensor with as many samples, and for options out of their
 * domain.
 *
 * Paper: Zhang, Cisse, Dauphin & Lopez-Paz, mixup: Beyond Empirical Risk Minimization, arXiv 1710.09412.
 */
export function mixup(x: Tensor, y: Tensor, options?: MixupOptions): MixupResult {
  const fail = opFail('mixup');
  const { alpha = 1, perSample = false, seed, stream } = checkOptions(fail, options);
  const input = toInput(fail, x, 1);
  const [samples] = input.shape as [number];
  const labels = toLabels(fail, y, samples);
  if (typeof alpha !== 'number' || !(alpha >= 0 && alpha < Infinity)) {
    fail('alpha', 'must be a finite number of 0 or more', alpha);
  }
  checkBoolean(fail, 'perSample', perSample);
  if (seed == null && stream != null) fail('stream', 'must not be given without a seed', stream);
  const random = new Random(
    seed == null ? randomSeed() : checkSeed(fail, seed),
    checkInteger(fail, 'stream', stream ?? 0, 0),
  );
  const mixed = tf.tidy(() => {
    const order = tf.tensor1d(random.permutation(samples), 'int32');
    const draw = () => (alpha === 0 ? 1 : random.symmetricBeta(alpha));
    const lambda = perSample
      ? tf.tensor1d(Array.from({ length: samples }, draw), 'float32')
      : tf.scalar(draw());
    const yb = tf.gather(labels, order);
    return {
      x: blend(input, tf.gather(input, order), lambda),
      ya: tf.clone(labels),
      yb,
      lambda: lambda as Tensor,
      ...(labels.dtype === 'float32' && { y: blend(labels, yb, lambda) }),
    };
  });
  return { y: null, ...mixed };
}
