/** Our TensorFlow ops called past all of our TypeScript, as `executeOp` of tfjs-node does. */

import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../src';
import { addonDescription } from './addon';
import type { RawOp } from './opEntry';

export type AttributeType = 'float' | 'int' | 'bool' | 'string';

export interface RawAttribute {
  name: string;
  type: AttributeType;
  value: unknown;
}

export interface NodeBackend {
  binding: Record<(typeof CODES)[AttributeType], number>;
  executeMultipleOutputs(
    name: string,
    attributes: unknown[],
    inputs: Tensor[],
    outputs: number,
  ): Tensor[];
}

export const nodeBackend = () => tf.backend() as unknown as NodeBackend;

const CODES = {
  float: 'TF_ATTR_FLOAT',
  int: 'TF_ATTR_INT',
  bool: 'TF_ATTR_BOOL',
  string: 'TF_ATTR_STRING',
} as const;

export function executeOp(
  name: string,
  attributes: RawAttribute[],
  inputs: Tensor[],
  outputs: number,
): Tensor[] {
  const backend = nodeBackend();
  // One tensor for each list.
  const lists = addonDescription().ops.find((op) => op.name === name)?.lists ?? [];
  const length: RawAttribute[] = lists.length > 0 ? [{ name: 'N', type: 'int', value: 1 }] : [];
  const typed = [...attributes, ...length].map(({ name: attribute, type, value }) => ({
    name: attribute,
    type: backend.binding[CODES[type]],
    value,
  }));
  return backend.executeMultipleOutputs(name, typed, inputs, outputs);
}

/** Attributes of the types that ops declare for their names. */
export function attributes(of: Record<string, number | boolean>): RawAttribute[] {
  const declared = addonDescription().ops.flatMap((op) => op.attributes);
  return Object.entries(of).map(([name, value]) => {
    const { type } = declared.find((attribute) => attribute.name === name)!;
    return { name, type, value };
  });
}

/** Calls the op with the inputs' shapes and attributes of `raw`, changed by `change`. */
export function callRaw(
  raw: RawOp,
  change: { inputs?: Record<string, number[]>; attributes?: Record<string, number | boolean> } = {},
): Tensor[] {
  const shapes = { ...raw.inputs, ...change.inputs };
  return tf.tidy(() =>
    executeOp(
      raw.name,
      attributes({ ...raw.attributes, ...change.attributes }),
      Object.values(shapes).map((shape) => tf.ones(shape)),
      raw.outputs,
    ),
  );
}
