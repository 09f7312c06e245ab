/** Our TensorFlow ops called past all of our TypeScript, as `executeOp` of tfjs-node does. */

import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../../src';

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
  const typed = attributes.map(({ name: attribute, type, value }) => ({
    name: attribute,
    type: backend.binding[CODES[type]],
    value,
  }));
  return backend.executeMultipleOutputs(name, typed, inputs, outputs);
}

/** Attributes by value: booleans, then the names that are integers, the rest floats. */
export function attributes(of: Record<string, number | boolean>): RawAttribute[] {
  const integers = ['axis', 'begin_axis', 'groups', 'virtual_batch_size', 'partial'];
  return Object.entries(of).map(([name, value]) => {
    const type = typeof value === 'boolean' ? 'bool' : integers.includes(name) ? 'int' : 'float';
    return { name, type, value };
  });
}

export interface RawOp {
  name: string;
  outputs: number;
  inputs: Record<string, number[]>;
  attributes: Record<string, number | boolean>;
}

const affine = { scale: true, center: true, epsilon: 1e-3 };
const X = [4, 3, 3, 6];
const switchable = {
  ...affine,
  axis: -1,
  training: true,
  use_batch: true,
  unbiased_spatial_variance: false,
};
const switchableState = {
  mean_logits: [3],
  variance_logits: [3],
  moving_mean: [6],
  moving_variance: [6],
};

/** A valid call of each op, in input order. */
export const rawOps: RawOp[] = [
  {
    name: 'TfjsBatchNorm',
    outputs: 4,
    inputs: { x: X, gamma: [6], beta: [6], moving_mean: [6], moving_variance: [6] },
    attributes: { ...affine, axis: -1, update_rate: 0.25, unbiased: false, virtual_batch_size: 0 },
  },
  {
    name: 'TfjsBatchNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 1, 6] },
    attributes: { ...affine, axis: -1, virtual_batch_size: 0 },
  },
  {
    name: 'TfjsBatchNormInference',
    outputs: 1,
    inputs: { x: X, gamma: [6], beta: [6], mean: [6], variance: [6] },
    attributes: { ...affine, axis: -1 },
  },
  {
    name: 'TfjsBatchNormInferenceGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], mean: [6], variance: [6] },
    attributes: { ...affine, axis: -1 },
  },
  {
    name: 'TfjsGroupNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes: { ...affine, axis: -1, groups: 3 },
  },
  {
    name: 'TfjsGroupNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 4, 6] },
    attributes: { ...affine, axis: -1, groups: 3 },
  },
  {
    name: 'TfjsLayerNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes: { ...affine, begin_axis: -1 },
  },
  {
    name: 'TfjsLayerNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], moments: [3, 36] },
    attributes: { ...affine, begin_axis: -1 },
  },
  {
    name: 'TfjsRmsNorm',
    outputs: 2,
    inputs: { x: X, gamma: [6], beta: [6] },
    attributes: { ...affine, begin_axis: -1, epsilon_inside: true, partial: 0 },
  },
  {
    name: 'TfjsRmsNormGrad',
    outputs: 3,
    inputs: { dy: X, x: X, gamma: [6], mean_square: [36] },
    attributes: { ...affine, begin_axis: -1, epsilon_inside: true, partial: 0 },
  },
  {
    name: 'TfjsSwitchableNorm',
    outputs: 4,
    inputs: { x: X, gamma: [6], beta: [6], ...switchableState },
    attributes: { ...switchable, update_rate: 0.25 },
  },
  {
    name: 'TfjsSwitchableNormGrad',
    outputs: 5,
    inputs: { dy: X, x: X, gamma: [6], ...switchableState, moments: [3, 4, 6] },
    attributes: switchable,
  },
];

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
