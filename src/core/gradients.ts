/** What the gradients of the normalizers with gamma and beta share. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import { type SetView, setNormGrad } from './composed/setNorm';
import { type Attributes, type Inputs, registerOpGradient, runOp } from './kernels';
import { affineGradients, affineOf } from './parameters';

/** dx, dgamma and dbeta where x has no elements. */
export function emptyGradients(x: Tensor, shape: number[], attrs: Attributes): Tensor[] {
  const none = { dx: tf.zerosLike(x), dgamma: tf.zeros(shape), dbeta: tf.zeros(shape) };
  return affineGradients(none, attrs);
}

/** The composed gradient op of a set normalizer whose parameters have this shape. */
export function composedSetGrad(
  inputs: Inputs,
  attrs: Attributes,
  shape: number[],
  viewOf: () => SetView,
): Tensor[] {
  const x = inputs.x!;
  if (x.size === 0) return emptyGradients(x, shape, attrs);
  const { gamma } = affineOf(inputs, attrs);
  const gradients = setNormGrad(inputs.dy!, x, gamma, viewOf(), attrs.epsilon as number, shape);
  return affineGradients(gradients, attrs);
}

/** The gradient of an op of x, gamma and beta whose second output, `saved`, is all that its gradient op needs. */
export function registerAffineGradient(op: string, saved: string): void {
  registerOpGradient({
    op,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, true],
    gradient(dy, [x, gamma, statistics], attrs) {
      const inputs = { dy, x: x!, gamma: gamma!, [saved]: statistics! };
      const [dx, dgamma, dbeta] = runOp(`${op}Grad`, inputs, attrs);
      return { x: dx!, gamma: dgamma!, beta: dbeta! };
    },
  });
}
