/** Every native op on TensorFlow's GPU against the host kernels, called directly. */
import { tf } from '../../src';
import { addon } from '../support/addon';
import { rawOps } from '../support/everyOp';
import { rawInputs } from '../support/rawInputs';
import { attributes, executeOp } from '../support/rawOp';

export interface Compared {
  name: string;
  ok: boolean;
  /** The largest difference over max(1, largest value expected). */
  error: number | null;
  reason?: string;
}

// Of well-conditioned data of size about 1 to 10, in float32, in two different orders of summation.
const TOLERANCE = 2e-5;

/** Infinity where a value is missing, or not a number where one is expected. */
export function largestError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let largest = 1;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i]!));
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i]! - want[i]!) / largest;
    worst = error <= worst ? worst : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
  }
  return worst;
}

export function compareOps(): Compared[] {
  return rawOps.map((raw) => {
    try {
      const inputs = rawInputs(raw);
      const expected = addon().run(raw.name, 'host', inputs, raw.attributes);
      const error = tf.tidy(() => {
        const given = inputs.map(({ data, shape }) => tf.tensor(data, shape));
        const got = executeOp(raw.name, attributes(raw.attributes), given, raw.outputs);
        return Math.max(
          ...got.map((output, i) => largestError(output.dataSync(), expected[i]!.data)),
        );
      });
      return {
        name: raw.name,
        ok: error <= TOLERANCE,
        error: Number.isFinite(error) ? error : null,
      };
    } catch (error) {
      return { name: raw.name, ok: false, error: null, reason: (error as Error).message };
    }
  });
}
