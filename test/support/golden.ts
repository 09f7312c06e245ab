/** Reads golden vectors (test/golden/README.md) and their acceptance rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Array64, array64 } from './arrays';
import type { Tolerance } from './expectClose';

interface RawArray {
  shape: number[];
  data: number[];
}

interface RawCase {
  name: string;
  attrs: GoldenCase['attrs'];
  inputs: Record<string, RawArray>;
  outputs: Record<string, RawArray>;
  gradOutput?: RawArray;
  grads?: Record<string, RawArray>;
  float32KernelError: GoldenCase['error'];
}

export interface GoldenCase {
  name: string;
  attrs: Record<string, number | boolean | null>;
  inputs: Record<string, Array64>;
  outputs: Record<string, Array64>;
  gradOutput: Array64;
  grads: Record<string, Array64>;
  error: { y: number; dx: number; params: number };
}

const folder = process.env.NORM_GOLDEN_DIR ?? join(__dirname, '..', 'golden');

export function readGolden(file: string): GoldenCase[] {
  const { format, layout, cases } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  if (format !== 'norm-golden-1' || layout !== 'NHWC' || !cases.length) {
    throw new Error(`${join(folder, file)}: not a norm-golden-1 file in layout NHWC with cases`);
  }
  const load = (raw: RawArray) => array64(raw.shape, raw.data);
  const loadAll = (raw: Record<string, RawArray>) =>
    Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, load(value)]));
  return (cases as RawCase[]).map((c) => ({
    name: c.name,
    attrs: c.attrs,
    inputs: loadAll(c.inputs),
    outputs: loadAll(c.outputs),
    // A case without is of forward results alone.
    gradOutput: (c.gradOutput && load(c.gradOutput)) as Array64,
    grads: loadAll(c.grads ?? {}),
    error: c.float32KernelError,
  }));
}

export function goldenTolerance(
  { error }: GoldenCase,
  kind: 'y' | 'dx' | 'params',
  want: Array64,
): Tolerance {
  const largest = want.data.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  const middle = 32 * error[kind] * (kind === 'params' ? largest : 1);
  return { scaled: 1e-6, absolute: middle, relative: 2e-5 };
}
