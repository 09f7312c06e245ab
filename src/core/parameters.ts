/** gamma and beta as the ops take them, and their gradients. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import type { Fail } from './errors';
import type { Attributes, AttributeType, Inputs } from './kernels';
import { toParameter } from './tensors';

/** The attributes that say which of the two there are. */
export const AFFINE_ATTRIBUTES: Record<string, AttributeType> = { scale: 'bool', center: 'bool' };

export interface AffineOptions {
  /** Scale, of the shape the op documents; without it the scale is 1. */
  gamma?: Tensor;
  /** Offset, of the shape of gamma; without it the offset is 0. */
  beta?: Tensor;
}

interface Affine {
  inputs: { gamma: Tensor; beta: Tensor };
  attributes: { scale: boolean; center: boolean };
}

/** The inputs and attributes of gamma and beta of this shape. */
export function toAffine(
  fail: Fail,
  { gamma, beta }: { gamma?: unknown; beta?: unknown },
  shape: number[],
): Affine {
  // One empty tensor stands for both: making one costs as much as a small op.
  let empty: Tensor | undefined;
  const parameter = (name: string, value: unknown): Tensor => {
    if (value != null) return toParameter(fail, name, value, shape);
    empty ??= tf.tensor1d([], 'float32');
    return empty;
  };
  return {
    inputs: { gamma: parameter('gamma', gamma), beta: parameter('beta', beta) },
    attributes: { scale: gamma != null, center: beta != null },
  };
}

/** gamma and beta of a composed kernel, null where there is none. */
export function affineOf(inputs: Inputs, { scale, center }: Attributes) {
  return {
    gamma: scale ? inputs.gamma! : null,
    beta: center ? (inputs.beta ?? null) : null,
  };
}

/** The gradient outputs of a composed kernel: empty for a parameter that there is not. */
export function affineGradients(
  { dx, dgamma, dbeta }: { dx: Tensor; dgamma: Tensor; dbeta: Tensor },
  { scale, center }: Attributes,
): Tensor[] {
  const none = () => tf.tensor1d([], 'float32');
  return [dx, scale ? dgamma : none(), center ? dbeta : none()];
}
