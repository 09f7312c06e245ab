/** Golden vectors of methods that work on weights (test/golden/README.md): cases of several ops with named tensors. */
import { readFileSync } from 'node:fs';
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../src';
import { type Array64, array64 } from './arrays';
import { expectClose, type Tolerance } from './expectClose';
import { tensor } from './tensors';

interface RawArray {
  shape: number[];
  data: number[];
}

export interface WeightCase {
  name: string;
  op: string;
  attrs: Record<string, any>;
  inputs: Record<string, Array64>;
  outputs: Record<string, Array64>;
  /** By output. */
  gradOutputs: Record<string, Array64>;
  /** By input. */
  grads: Record<string, Array64>;
  /** As the file has it: what is of one method alone. */
  raw: any;
}

export type Tensors = Record<string, Tensor>;

/** The outputs of a case, by their names in the file, from its inputs. Those with gradients flow into the outputs. */
export type WeightAdapter = (inputs: Tensors, c: WeightCase) => Tensors;

/** What test/golden/weights/adapters/METHOD.ts exports as `ops` for METHOD.json: an adapter for each op. */
export type WeightAdapters = Record<string, WeightAdapter>;

export const TOLERANCE: Tolerance = { absolute: 2e-5, relative: 2e-5 };

export function readWeightCases(path: string): WeightCase[] {
  const { format, cases } = JSON.parse(readFileSync(path, 'utf8'));
  if (format !== 'norm-golden-1' || !cases.length) {
    throw new Error(`${path}: not a norm-golden-1 file with cases`);
  }
  const loadAll = (raw: Record<string, RawArray> = {}) =>
    Object.fromEntries(
      Object.entries(raw).map(([name, { shape, data }]) => [name, array64(shape, data)]),
    );
  type RawCase = Record<'inputs' | 'outputs' | 'gradOutputs' | 'grads', Record<string, RawArray>> &
    Pick<WeightCase, 'name' | 'op' | 'attrs'> & { gradOutput?: RawArray };
  return (cases as RawCase[]).map((c) => ({
    name: c.name,
    op: c.op,
    attrs: c.attrs ?? {},
    inputs: loadAll(c.inputs),
    outputs: loadAll(c.outputs),
    gradOutputs: loadAll(c.gradOutput ? { y: c.gradOutput } : c.gradOutputs),
    grads: loadAll(c.grads),
    raw: c,
  }));
}

const tensorsOf = (arrays: Record<string, Array64>): Tensors =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, tensor(array)]));

function expectTensors(what: string, got: Tensors, want: Record<string, Array64>): void {
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, wanted] of Object.entries(want)) {
    expect([name, got[name]!.shape]).toEqual([name, wanted.shape]);
    expectClose(`${what}${name}`, got[name]!, wanted.data, TOLERANCE);
  }
}

/** Every output of the case, and every gradient that it lists. */
export function checkWeightCase(c: WeightCase, adapter: WeightAdapter): void {
  tf.tidy(() => {
    const inputs = tensorsOf(c.inputs);
    expectTensors('', adapter(inputs, c), c.outputs);
    const names = Object.keys(c.grads);
    if (names.length === 0) return;
    const upstream = tensorsOf(c.gradOutputs);
    const loss = (...given: Tensor[]) => {
      const all = { ...inputs, ...Object.fromEntries(names.map((name, i) => [name, given[i]!])) };
      const outputs = adapter(all, c);
      const terms = Object.entries(upstream).map(([name, dy]) =>
        tf.sum(tf.mul(outputs[name]!, dy)),
      );
      return tf.addN(terms) as never;
    };
    const grads = tf.grads(loss)(names.map((name) => inputs[name]!));
    expectTensors('d', Object.fromEntries(names.map((name, i) => [name, grads[i]!])), c.grads);
  });
}
