/** Kernels with orthonormal columns or rows. */
import type { Shape, serialization, Tensor } from '@tensorflow/tfjs-node';
import { checkOptions, sizeOf } from '../core/checks';
import { checkSeed } from '../core/dropout';
import { layerFail } from '../core/errors';
import { tf } from '../tensorflow';
import { Initializer, randomNormal } from './initializer';
import { orthonormalize } from './orthonormal';

/** Arguments of {@link orthogonal}. */
export interface OrthogonalArgs {
  /** What the orthonormal matrix is multiplied with. Default 1. */
  gain?: number;
  /** An integer: the same kernel every time. Default random. */
  seed?: number | null;
}

/** The matrix [rows, columns] with orthonormal columns, or rows where there are fewer rows. */
export function orthonormalOf(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
): Float32Array {
  const wide = columns > rows;
  const [count, length] = wide ? [rows, columns] : [columns, rows];
  const at = (vector: number, i: number) => (wide ? vector * columns + i : i * columns + vector);
  const vectors = Array.from({ length: count }, (_, vector) =>
    Float64Array.from({ length }, (__, i) => values[at(vector, i)]!),
  );
  orthonormalize(vectors);
  const result = new Float32Array(rows * columns);
  vectors.forEach((vector, k) => {
    for (let i = 0; i < length; i++) result[at(k, i)] = vector[i]!;
  });
  return result;
}

/** See {@link orthogonal}. */
export class NativeOrthogonal extends Initializer {
  /** @nocollapse */
  static readonly className: string = 'NativeOrthogonal';
  readonly gain: number;
  readonly seed: number | null;

  constructor(given?: OrthogonalArgs | null) {
    super();
    const fail = layerFail('NativeOrthogonal');
    const args = checkOptions(fail, given);
    this.gain = args.gain ?? 1;
    if (!Number.isFinite(this.gain)) fail('gain', 'must be a finite number', this.gain);
    this.seed = args.seed == null ? null : checkSeed(fail, args.seed);
  }

  override apply(shape: Shape): Tensor {
    const extents = shape as number[];
    if (extents.length < 2) {
      layerFail('NativeOrthogonal')('shape', 'must have two axes or more', extents);
    }
    const columns = extents.at(-1)!;
    const rows = sizeOf(extents.slice(0, -1));
    return tf.tidy(() => {
      const gaussian = randomNormal([rows, columns], 1, this.seed).dataSync();
      const matrix = tf.tensor(orthonormalOf(gaussian, rows, columns), extents, 'float32');
      return tf.mul(matrix, this.gain);
    });
  }

  override getConfig(): serialization.ConfigDict {
    return { gain: this.gain, seed: this.seed };
  }
}
tf.serialization.registerClass(NativeOrthogonal);

/**
 * Kernels as matrices [everything but the last axis, last axis] whose columns are orthonormal, or their rows where there
 * are more columns: convolutions [kh, kw, in, out] as [kh * kw * in, out].
 *
 * The QR factorization of a normally distributed matrix with R's diagonal positive, which is uniform over all such
 * matrices, as of Keras' `orthogonal`. tfjs's initializer of that name gives the like, column by column in tensors, and
 * warns that it is slow from 2,000 elements on; this one takes a second or two for [3, 3, 512, 512].
 *
 * Throws a `NormError` for arguments out of their domain and for shapes of less than two axes.
 *
 * Paper: Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear neural
 * networks, arXiv 1312.6120.
 */
export function orthogonal(args?: OrthogonalArgs): NativeOrthogonal {
  return new NativeOrthogonal(args);
}
