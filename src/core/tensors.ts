/** From what the user gives to what the kernels take. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import type { Fail } from './errors';

function isTensorLike(value: unknown): value is TensorLike {
  return (
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    ['number', 'boolean', 'string'].includes(typeof value)
  );
}

/** A float32 tensor. */
export function toTensor(fail: Fail, argument: string, value: unknown): Tensor {
  let tensor = value as Tensor;
  if (!(value instanceof tf.Tensor)) {
    if (!isTensorLike(value))
      return fail(argument, 'must be a float32 tensor or an array of numbers', value);
    try {
      tensor = tf.tensor(value);
      if (Array.isArray(value) && tf.util.flatten(value).length !== tensor.size) {
        tensor.dispose();
        throw new RangeError('expected rows of one length');
      }
    } catch (cause) {
      return fail(argument, 'must be a float32 tensor or an array of numbers', value, cause);
    }
  }
  if (tensor.isDisposed) return fail(argument, 'must not be disposed', 'a disposed tensor');
  if (tensor.dtype !== 'float32') return fail(argument, 'must be a float32 tensor', tensor.dtype);
  return tensor;
}

/** The input of an op. */
export function toInput(fail: Fail, value: unknown, minimumRank: number): Tensor {
  const x = toTensor(fail, 'x', value);
  if (x.rank < minimumRank) fail('x', `must have rank ${minimumRank} or more`, x.shape);
  return x;
}

/** A parameter of exactly this shape. */
export function toParameter(fail: Fail, argument: string, value: unknown, shape: number[]): Tensor {
  const tensor = toTensor(fail, argument, value);
  if (!tf.util.arraysEqual(tensor.shape, shape)) {
    fail(argument, `must have shape [${shape}]`, tensor.shape);
  }
  return tensor;
}

/** A parameter of one value, as a tensor of shape [1]. */
export function toScalar(fail: Fail, argument: string, value: unknown): Tensor {
  if (typeof value === 'number') return tf.tensor1d([value], 'float32');
  const tensor = toTensor(fail, argument, value);
  if (tensor.size !== 1 || tensor.rank > 1) {
    fail(argument, 'must be one number, or a tensor of shape [] or [1]', tensor.shape);
  }
  return tensor.rank === 1 ? tensor : tf.reshape(tensor, [1]);
}

/** Runs `body` on x with `axes` moved to the end, and moves them back. */
export function withTrailing(x: Tensor, axes: number[], body: (x: Tensor) => Tensor): Tensor {
  const first = x.rank - axes.length;
  if (axes.every((axis, i) => axis === first + i)) return body(x);
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  const back = [...order.keys()].sort((a, b) => order[a]! - order[b]!);
  return tf.transpose(body(tf.transpose(x, order)), back);
}
