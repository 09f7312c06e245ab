/** Normalization by random parameters from plain tfjs ops. Its noise is the native ops' own, to the bit. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import { batchNoisePairs, normalPairs, type PairNoise } from '../batchNoise';
import { sizeOf } from '../checks';
import type { Attributes, Inputs } from '../kernels';
import { type Stream, streamOf } from '../philox';

/** x as [samples, before, channels, after], and numbers of pairs as they broadcast against that. */
interface PairView {
  shape: number[];
  /** Of a pair. */
  pairShape: number[];
  pairs: number;
}

function viewOf(x: Tensor, { axis: given, per_sample }: Attributes): PairView {
  const { shape, rank } = x;
  const axis = (given as number) < 0 ? (given as number) + rank : (given as number);
  const samples = per_sample ? shape[0]! : 1;
  const channels = shape[axis]!;
  const before = sizeOf(shape.slice(per_sample ? 1 : 0, axis));
  return {
    shape: [samples, before, channels, sizeOf(shape.slice(axis + 1))],
    pairShape: [samples, 1, channels, 1],
    pairs: samples * channels,
  };
}

/** A parameter of the channels, or numbers of the pairs. */
const spread = (value: Tensor, { pairShape }: PairView): Tensor =>
  tf.reshape(value, value.size === sizeOf(pairShape) ? pairShape : [1, 1, value.size, 1]);

function noiseOf(
  view: PairView,
  given: [Tensor, Tensor] | null,
  seed: Tensor,
  draw: (stream: Stream, count: number) => PairNoise,
): [Tensor, Tensor] {
  if (given) return [spread(given[0], view), spread(given[1], view)];
  const { first, second } = draw(streamOf(seed.dataSync()), view.pairs);
  return [tf.tensor(first, view.pairShape), tf.tensor(second, view.pairShape)];
}

const batchNoise = (view: PairView, { u, v, seed }: Inputs, attrs: Attributes) =>
  noiseOf(view, attrs.given ? [u!, v!] : null, seed!, (stream, count) =>
    batchNoisePairs(stream, count, Math.fround(attrs.effective_n as number)),
  );

/** a, u and b of y = a * (x - u) + b. */
function batchAffine(view: PairView, inputs: Inputs, attrs: Attributes) {
  const [u, v] = batchNoise(view, inputs, attrs);
  const gamma = attrs.scale ? spread(inputs.gamma!, view) : tf.scalar(1);
  return { u, v, gamma, a: tf.mul(gamma, v) };
}

/** gamma * v * (x - u) + beta. */
export function stochasticAffine(inputs: Inputs, attrs: Attributes): Tensor {
  const x = inputs.x!;
  const view = viewOf(x, attrs);
  const { u, a } = batchAffine(view, inputs, attrs);
  const y = tf.mul(tf.sub(tf.reshape(x, view.shape), u), a);
  return tf.reshape(attrs.center ? tf.add(y, spread(inputs.beta!, view)) : y, x.shape);
}

/** g0 = sum dy and g1 = sum dy * (x - u) of each pair, and dx = a * dy. */
function sumsOf({ dy, x }: Inputs, view: PairView, u: Tensor | null, a: Tensor) {
  const g = tf.reshape(dy!, view.shape);
  const values = tf.reshape(x!, view.shape);
  const centred = u ? tf.sub(values, u) : values;
  return {
    g0: tf.sum(g, [1, 3], true),
    g1: tf.sum(tf.mul(g, centred), [1, 3], true),
    dx: tf.reshape(tf.mul(g, a), x!.shape),
  };
}

const none = () => tf.tensor1d([], 'float32');
const ofChannels = (terms: Tensor): Tensor => tf.sum(terms, [0, 1, 3]);

/** dx, dgamma, dbeta, and of given noise du and dv. */
export function stochasticAffineGrad(inputs: Inputs, attrs: Attributes): Tensor[] {
  const view = viewOf(inputs.x!, attrs);
  const { u, v, gamma, a } = batchAffine(view, inputs, attrs);
  const { g0, g1, dx } = sumsOf(inputs, view, u, a);
  const given = (terms: Tensor) => (attrs.given ? tf.reshape(terms, inputs.u!.shape) : none());
  return [
    dx,
    attrs.scale ? ofChannels(tf.mul(v, g1)) : none(),
    attrs.center ? ofChannels(g0) : none(),
    given(tf.neg(tf.mul(a, g0))),
    given(tf.mul(gamma, g1)),
  ];
}

/** The scale, and the deviations times the noise, of each pair. */
function learnedScale(view: PairView, inputs: Inputs, attrs: Attributes) {
  const { log_scale, rho_scale, rho_bias, scale_noise, bias_noise, seed } = inputs;
  const given = attrs.given ? ([scale_noise!, bias_noise!] as [Tensor, Tensor]) : null;
  const [e1, e2] = noiseOf(view, given, seed!, normalPairs);
  const byScale = tf.mul(tf.exp(spread(rho_scale!, view)), e1);
  const byBias = tf.mul(tf.exp(spread(rho_bias!, view)), e2);
  return { scale: tf.exp(tf.add(spread(log_scale!, view), byScale)), byScale, byBias };
}

/** exp(m + exp(rho) * e1) * x + (b + exp(tau) * e2). */
export function bayesianAffine(inputs: Inputs, attrs: Attributes): Tensor {
  const x = inputs.x!;
  const view = viewOf(x, attrs);
  const { scale, byBias } = learnedScale(view, inputs, attrs);
  const offset = tf.add(spread(inputs.bias!, view), byBias);
  return tf.reshape(tf.add(tf.mul(tf.reshape(x, view.shape), scale), offset), x.shape);
}

/** dx and the gradients of log scale, its rho, bias and its rho. */
export function bayesianAffineGrad(inputs: Inputs, attrs: Attributes): Tensor[] {
  const view = viewOf(inputs.x!, attrs);
  const { scale, byScale, byBias } = learnedScale(view, inputs, attrs);
  const { g0, g1, dx } = sumsOf(inputs, view, null, scale);
  const byLog = tf.mul(scale, g1);
  return [
    dx,
    ofChannels(byLog),
    ofChannels(tf.mul(byLog, byScale)),
    ofChannels(g0),
    ofChannels(tf.mul(g0, byBias)),
  ];
}
