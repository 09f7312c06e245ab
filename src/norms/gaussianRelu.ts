/** Mean and variance of rectified normal variables. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { opFail } from '../core/errors';
import { toParameter, toTensor } from '../core/tensors';
import { tf } from '../tensorflow';

/** Of t = 1 / (1 + z / 2), lowest power first: log(erfcx(z) / t), within 1.2e-7 (Press et al., Numerical Recipes, erfcc). */
const ERFCX = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
  -0.82215223, 0.17087277,
];

/** Density at a, and for negative arguments what is above |a| over it (Mills ratio), which does not cancel. */
function tailOf(a: Tensor) {
  const size = tf.abs(a);
  const t = tf.div(1, tf.add(tf.mul(size, Math.SQRT1_2 / 2), 1));
  const exponent = ERFCX.reduceRight<Tensor>((p, c) => tf.add(tf.mul(p, t), c), tf.scalar(0));
  const mills = tf.mul(tf.mul(t, tf.exp(exponent)), Math.sqrt(Math.PI / 2));
  const density = tf.mul(tf.exp(tf.mul(tf.square(a), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return { size, mills, density };
}

/** Mean, variance, and the share above 0, of max(0, z) for z ~ N(m, s^2). */
function rectified(m: Tensor, s: Tensor) {
  const a = tf.div(m, s);
  const { size, mills, density } = tailOf(a);
  const positive = tf.greater(a, 0);
  // Of the smaller side: its share, first and second moment. With z = max(0, z) - max(0, -z) they give those of the larger.
  const part = tf.mul(density, mills);
  const first = tf.mul(tf.mul(s, density), tf.sub(1, tf.mul(size, mills)));
  const rest = tf.sub(tf.mul(tf.add(tf.square(size), 1), mills), size);
  const second = tf.mul(tf.mul(tf.square(s), density), rest);
  const small = tf.sub(second, tf.square(first));
  const large = tf.sub(tf.sub(tf.square(s), second), tf.mul(first, tf.add(tf.mul(m, 2), first)));
  return {
    mean: tf.where(positive, tf.add(m, first), first),
    variance: tf.where(positive, large, small),
    share: tf.where(positive, tf.sub(1, part), part),
    density,
  };
}

/** What {@link gaussianReluMoments} gives. */
export interface ReluMoments {
  mean: Tensor;
  variance: Tensor;
}

function moments(mean: Tensor, std: Tensor): ReluMoments {
  // One customGrad for each, for it has one output.
  const meanOf = tf.customGrad((m, s, save) => {
    const { mean: value, share, density } = rectified(m as Tensor, s as Tensor);
    (save as (tensors: Tensor[]) => void)([share, density]);
    const gradFunc = (dy: Tensor, [p, d]: Tensor[]) => [tf.mul(dy, p!), tf.mul(dy, d!)];
    return { value, gradFunc: gradFunc as never };
  });
  const varianceOf = tf.customGrad((m, s, save) => {
    const { mean: e, variance: value, share, density } = rectified(m as Tensor, s as Tensor);
    (save as (tensors: Tensor[]) => void)([s as Tensor, e, share, density]);
    const gradFunc = (dy: Tensor, [dev, first, p, d]: Tensor[]) => [
      tf.mul(dy, tf.mul(tf.mul(first!, 2), tf.sub(1, p!))),
      tf.mul(dy, tf.mul(tf.sub(tf.mul(dev!, p!), tf.mul(first!, d!)), 2)),
    ];
    return { value, gradFunc: gradFunc as never };
  });
  return { mean: meanOf(mean, std), variance: varianceOf(mean, std) };
}

/**
 * Mean and variance of max(0, z) for normal z of this mean and standard deviation, element by element.
 *
 *     a = mean / std,  E = mean * Phi(a) + std * phi(a),  E2 = (mean^2 + std^2) * Phi(a) + mean * std * phi(a)
 *
 * The variance is E2 - E^2. Both keep their digits where the mean is far from 0. Gradients flow to `mean` and `std`, which have
 * one shape; `std` must be positive.
 *
 * Throws a `NormError` where a tensor is not float32 or of another shape.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export function gaussianReluMoments(
  mean: Tensor | TensorLike,
  std: Tensor | TensorLike,
): ReluMoments {
  const fail = opFail('gaussianReluMoments');
  const m = toTensor(fail, 'mean', mean);
  const s = toParameter(fail, 'std', std, m.shape);
  return tf.tidy(() => moments(m, s) as never) as ReluMoments;
}
