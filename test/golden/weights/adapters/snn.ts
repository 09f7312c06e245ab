import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../../src';
import { runOp } from '../../../../src/core/kernels';
import { affineOf } from '../../../../src/core/selu';
import { seluMoments } from '../../../../src/norms/seluParameters';
import { expectClose } from '../../../support/expectClose';
import type { WeightAdapters, WeightCase } from '../../../support/goldenWeights';

const { alpha, lambda } = { alpha: 1.6732632423543772, lambda: 1.0507009873554805 };
const DROP_ALL = 2 ** 24;

/** The op with a given mask: once with nothing dropped, once with everything. */
function withMask(
  name: string,
  x: Tensor,
  mask: Tensor,
  attributes: Record<string, number>,
): Tensor {
  const seed = tf.zeros([8]);
  const [kept, dropped] = [0, DROP_ALL].map(
    (threshold) => runOp(name, { x, seed }, { ...attributes, threshold, shared_axes: 0 })[0]!,
  );
  return tf.where(tf.cast(mask, 'bool'), kept!, dropped!);
}

/** The affine map as we compute it, which is the file's. */
function affine({ attrs }: WeightCase, mean = 0, variance = 1): { a: number; b: number } {
  const { a, b } = affineOf(attrs.rate, alpha * lambda, { mean, variance });
  expectClose('a, b', [a, b], [attrs.a, attrs.b], { relative: 1e-14, absolute: 1e-15 });
  return { a, b };
}

/** Numbers as they come and as tensors, which round them. */
function exactly(c: WeightCase, got: Record<string, number>, relative: number) {
  const names = Object.keys(got);
  const want = names.map((name) => c.outputs[name]!.data[0]!);
  expectClose(names.join(), Object.values(got), want, { absolute: 1e-14, relative });
  return Object.fromEntries(names.map((name) => [name, tf.scalar(got[name]!)]));
}

export const ops: WeightAdapters = {
  Selu: ({ x }, { attrs }) => ({ y: norm.ops.selu(x!, attrs) }),
  AlphaDropout: ({ x, mask }, c) => {
    const { a, b } = affine(c, c.attrs.mean, c.attrs.variance);
    const attributes = { slope: a, offset: b, dropped: b + a * c.attrs.alphaPrime };
    return { y: withMask('TfjsAlphaDropout', x!, mask!, attributes) };
  },
  SeluAlphaDropout: ({ x, mask }, c) => {
    const { a, b } = affine(c);
    const attributes = { positive: a * lambda, negative: a * alpha * lambda, offset: b };
    return { y: withMask('TfjsSeluAlphaDropout', x!, mask!, attributes) };
  },
  SeluParameters: (_, c) => {
    const { fixedPointMean, fixedPointVariance } = c.attrs;
    return exactly(c, norm.seluParameters(fixedPointMean, fixedPointVariance), 1e-14);
  },
  SeluMomentMap: (_, c) =>
    exactly(c, seluMoments(c.attrs.mean, c.attrs.variance, { alpha, lambda }), 1e-8),
};
