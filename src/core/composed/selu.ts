/** SELU and alpha dropout from plain tfjs ops. Their random words are the native ops' own. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import type { Attributes } from '../kernels';
import { randomWords, streamOf } from '../philox';

/** The least normal float32 greater than `value` that is not a denormal. */
function nextFloat(value: number): number {
  const float = Float32Array.of(value);
  const bits = new Int32Array(float.buffer);
  const least = 2 ** -126;
  if (Math.abs(float[0]!) < least) return least;
  bits[0]! += float[0]! > 0 ? 1 : -1;
  return float[0]!;
}

const numberOf = (attrs: Attributes, name: string): number => Math.fround(Number(attrs[name] ?? 0));

/** What takes the place of what is dropped: SELU's own value far below 0. */
const saturationOf = (attrs: Attributes): number =>
  Math.fround(numberOf(attrs, 'offset') - numberOf(attrs, 'negative'));

/** positive * x + offset where x > 0, negative * (e^x - 1) + offset elsewhere. */
export function selu(x: Tensor, attrs: Attributes): Tensor {
  const offset = numberOf(attrs, 'offset');
  const right = tf.add(tf.mul(x, numberOf(attrs, 'positive')), offset);
  const left = tf.add(tf.mul(tf.expm1(x), numberOf(attrs, 'negative')), offset);
  // Rounding must not give x > 0 the y of x = 0, by which the gradient tells them apart.
  return tf.where(tf.greater(x, 0), tf.maximum(right, nextFloat(offset)), left);
}

/** The gradient from y. With `masked`, what has the value of dropped elements passes nothing on. */
export function seluGrad(dy: Tensor, y: Tensor, attrs: Attributes, masked: boolean): Tensor {
  const dropped = saturationOf(attrs);
  const positive = tf.fill(y.shape, numberOf(attrs, 'positive'));
  const right = tf.greater(y, numberOf(attrs, 'offset'));
  const dx = tf.mul(dy, tf.where(right, positive, tf.sub(y, dropped)));
  return masked ? tf.where(tf.equal(y, dropped), tf.zerosLike(dx), dx) : dx;
}

/** Which elements of a tensor are kept. */
export function keptOf(seed: Tensor, shape: number[], attrs: Attributes): Tensor {
  const shared = attrs.shared_axes as number;
  const threshold = attrs.threshold as number;
  const noiseShape = shape.map((extent, axis) => (shared & (1 << axis) ? 1 : extent));
  const size = noiseShape.reduce((a, b) => a * b, 1);
  const words = randomWords(streamOf(seed.dataSync()), size);
  const kept = Uint8Array.from(words, (word) => (word >>> 8 >= threshold ? 1 : 0));
  return tf.broadcastTo(tf.tensor(kept, noiseShape, 'bool'), shape);
}

/** slope * x + offset where kept, `dropped` elsewhere. */
export function alphaDropout(x: Tensor, seed: Tensor, attrs: Attributes): Tensor {
  const kept = tf.add(tf.mul(x, numberOf(attrs, 'slope')), numberOf(attrs, 'offset'));
  const dropped = tf.fill(x.shape, numberOf(attrs, 'dropped'));
  return tf.where(keptOf(seed, x.shape, attrs), kept, dropped);
}

export function seluAlphaDropout(x: Tensor, seed: Tensor, attrs: Attributes): Tensor {
  const dropped = tf.fill(x.shape, saturationOf(attrs));
  return tf.where(keptOf(seed, x.shape, attrs), selu(x, attrs), dropped);
}
