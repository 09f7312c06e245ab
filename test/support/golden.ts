/** Reads golden vectors (test/golden/README.md) and their acceptance rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs';
import { type Array64, array64 } from './arrays';
import { expectClose, type Tolerance } from './expectClose';

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

/** How a case is run: what test/golden/adapters/METHOD.ts exports as `adapter` for METHOD.json. */
export type Adapter = (c: GoldenCase, channelAxis: number) => Run;

export interface Run {
  /** The golden file's names of the inputs that have a gradient, x first. The adapter holds all others itself. */
  inputs: string[];
  /** y of these inputs, in their order. */
  op: (...inputs: Tensor[]) => Tensor;
  /** Compares what else the op gives, by `expectState`. */
  also?: (inputs: Record<string, Tensor>) => void;
}

export const goldenFolder = process.env.NORM_GOLDEN_DIR ?? join(__dirname, '..', 'golden');

export function readGolden(file: string): GoldenCase[] {
  const { format, layout, cases } = JSON.parse(readFileSync(join(goldenFolder, file), 'utf8'));
  if (format !== 'norm-golden-1' || layout !== 'NHWC' || !cases.length) {
    throw new Error(
      `${join(goldenFolder, file)}: not a norm-golden-1 file in layout NHWC with cases`,
    );
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

/** Compares what an op gives beside y, by its names in the golden file. */
export function expectState(
  outputs: GoldenCase['outputs'],
  got: Record<string, Tensor>,
  tolerance: Tolerance = { scaled: 1e-6, relative: 2e-5 },
): void {
  for (const [name, state] of Object.entries(got)) {
    const want = outputs[name];
    if (!want) throw new Error(`the golden case has no output ${name}`);
    expect(state.shape).toEqual(want.shape);
    expectClose(name, state, want.data, tolerance);
  }
}
