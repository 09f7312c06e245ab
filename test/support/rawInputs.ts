/** Data for a raw call of a native op. */
import type { NativeTensor } from '../../src/native';
import { normal } from './arrays';
import type { RawOp } from './opEntry';

/** Positive values about 2, which suit variances too; seeds are whole numbers. */
export function rawInputs(raw: RawOp): NativeTensor[] {
  return Object.entries(raw.inputs).map(([name, shape], i) => {
    const data = Float32Array.from(normal(shape, i + 1, { mean: 2 }).data, Math.abs);
    return { data: name === 'seed' ? data.map(Math.floor) : data, shape };
  });
}
