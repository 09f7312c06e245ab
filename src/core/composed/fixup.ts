/** The element-wise steps of networks without normalization, from plain tfjs ops. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../../tensorflow';
import type { Attributes, Inputs } from '../kernels';

/** scale * x + bias + residual */
function zOf({ x, scale, bias, residual }: Inputs, attrs: Attributes): Tensor {
  let z = x!;
  if (attrs.use_scale) z = tf.mul(z, scale!);
  if (attrs.use_bias) z = tf.add(z, bias!);
  if (attrs.use_residual) z = tf.add(z, residual!);
  return z;
}

export function fixup(inputs: Inputs, attrs: Attributes): Tensor {
  const { x } = inputs;
  // A scalar of shape [1] would widen a tensor of shape [].
  const z = tf.reshape(zOf(inputs, attrs), x!.shape);
  const kept = attrs.relu ? tf.where(tf.less(z, 0), tf.zerosLike(z), z) : z;
  return attrs.use_shift ? tf.reshape(tf.add(kept, inputs.shift!), x!.shape) : tf.clone(kept);
}

export function fixupGrad(inputs: Inputs, attrs: Attributes): Tensor[] {
  const { dy, x, scale } = inputs as { dy: Tensor; x: Tensor; scale: Tensor };
  const none = () => tf.tensor1d([], 'float32');
  const sum = (terms: Tensor) => tf.reshape(tf.sum(terms), [1]);
  let dz = dy;
  if (attrs.relu) {
    const z = tf.reshape(zOf(inputs, attrs), dy.shape);
    dz = tf.where(tf.greater(z, 0), dy, tf.zerosLike(dy));
  }
  return [
    attrs.use_scale ? tf.reshape(tf.mul(dz, scale), dy.shape) : attrs.relu ? dz : none(),
    attrs.relu && attrs.use_scale && attrs.use_residual ? dz : none(),
    attrs.use_scale ? sum(tf.mul(dz, x)) : none(),
    attrs.use_bias ? sum(dz) : none(),
    attrs.use_shift ? sum(dy) : none(),
  ];
}
