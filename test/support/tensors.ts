import type { layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import type { Array64 } from './arrays';

/** A float32 tensor of these values. */
export function tensor(of: Array64): Tensor {
  return tf.tensor(Float32Array.from(of.data), of.shape, 'float32');
}

export interface Memory {
  tensors: number;
  /** Bytes our ops hold beyond TensorFlow's tensors. */
  liveBytes: number;
}

export function memory(): Memory {
  return { tensors: tf.memory().numTensors, liveBytes: norm.counters().liveBytes };
}

/** Runs `body` and fails if it leaves tensors or native memory behind. */
export async function expectNoLeak<T>(body: () => T | Promise<T>): Promise<T> {
  const before = memory();
  const result = await body();
  expect(memory()).toEqual(before);
  return result;
}

/** y and the gradients of sum(dy * y) with respect to each of `inputs`. The caller disposes them. */
export function withGradients(
  op: (...inputs: Tensor[]) => Tensor,
  inputs: Tensor[],
  dy: Tensor,
): { y: Tensor; grads: Tensor[] } {
  return tf.tidy(() => {
    const y = op(...inputs);
    return { y, grads: tf.grads(op)(inputs, dy) };
  });
}

/** Disposes the weights of a layer that is in no model; `layer.dispose()` refuses one that was never called. */
export function disposeLayer(layer: layers.Layer): void {
  for (const weight of layer.weights) weight.dispose();
}

/** Runs `body` on another backend, without what tfjs prints at its first use. */
export async function onBackend<T>(name: string, body: () => T): Promise<T> {
  const own = tf.getBackend();
  const quiet = jest.spyOn(console, 'warn').mockImplementation(() => {});
  try {
    await tf.setBackend(name);
    return body();
  } finally {
    quiet.mockRestore();
    await tf.setBackend(own);
  }
}
