/** What the initializers share. */
import type { initializers, serialization, Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';

type InitializerClass = Pick<typeof serialization.Serializable, 'fromConfig'> &
  (abstract new () => ReturnType<typeof initializers.zeros>);

/** tfjs does not export the class that its layers ask an initializer to be of. */
export const Initializer = Object.getPrototypeOf(
  tf.initializers.zeros().constructor,
) as InitializerClass;

/** Normally distributed numbers, or such that are cut at two standard deviations. */
export function randomNormal(
  shape: number[],
  deviation: number,
  seed: number | null,
  truncated = false,
): Tensor {
  const draw = truncated ? tf.truncatedNormal : tf.randomNormal;
  // As text: tfjs takes the number 0 for no seed.
  const text = seed === null ? undefined : (String(seed) as unknown as number);
  return draw(shape, 0, deviation, 'float32', text);
}
