/** Orthonormal vectors from given ones, in double. */

/** Of four dot products and four updates in one pass over q, so that q is read a quarter as often. */
const TOGETHER = 4;

/** Takes from each of the vectors from `first` on what it has along q. */
function project(q: Float64Array, vectors: Float64Array[], first: number, end: number): void {
  let at = first;
  for (; at + TOGETHER <= end; at += TOGETHER) {
    const a = vectors[at]!;
    const b = vectors[at + 1]!;
    const c = vectors[at + 2]!;
    const d = vectors[at + 3]!;
    let sa = 0;
    let sb = 0;
    let sc = 0;
    let sd = 0;
    for (let i = 0; i < q.length; i++) {
      const value = q[i]!;
      sa += value * a[i]!;
      sb += value * b[i]!;
      sc += value * c[i]!;
      sd += value * d[i]!;
    }
    for (let i = 0; i < q.length; i++) {
      const value = q[i]!;
      a[i]! -= sa * value;
      b[i]! -= sb * value;
      c[i]! -= sc * value;
      d[i]! -= sd * value;
    }
  }
  for (; at < end; at++) {
    const a = vectors[at]!;
    let sum = 0;
    for (let i = 0; i < q.length; i++) sum += q[i]! * a[i]!;
    for (let i = 0; i < q.length; i++) a[i]! -= sum * q[i]!;
  }
}

function normalize(vector: Float64Array): void {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let i = 0; i < vector.length; i++) vector[i]! *= scale;
}

/**
 * Modified Gram-Schmidt in place: each vector less its projections on those before it, with length 1; the Q of a QR
 * factorization whose R has a positive diagonal. A block of vectors at a time, which stays in the processor's cache
 * while all earlier ones pass by.
 */
export function orthonormalize(vectors: Float64Array[]): void {
  const length = vectors[0]?.length ?? 0;
  const block = Math.max(TOGETHER, Math.floor(16_384 / Math.max(1, length)) & ~(TOGETHER - 1));
  for (let first = 0; first < vectors.length; first += block) {
    const end = Math.min(vectors.length, first + block);
    for (let k = 0; k < first; k++) project(vectors[k]!, vectors, first, end);
    for (let k = first; k < end; k++) {
      normalize(vectors[k]!);
      project(vectors[k]!, vectors, k + 1, end);
    }
  }
}
