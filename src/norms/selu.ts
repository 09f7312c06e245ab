/** The SELU op: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions, checkPositive } from '../core/checks';
import { selu as composedSelu, seluGrad } from '../core/composed/selu';
import { opFail } from '../core/errors';
import { registerOp, registerOpGradient, runOp } from '../core/kernels';
import { checkSelu, type SeluOptions } from '../core/selu';
import { toInput } from '../core/tensors';
import { tf } from '../tensorflow';

const attributes = { positive: 'float', negative: 'float' } as const;

registerOp({
  name: 'TfjsSelu',
  inputs: ['x'],
  outputs: 1,
  attributes,
  composed: ({ x }, attrs) => [composedSelu(x!, attrs)],
});

registerOp({
  name: 'TfjsSeluGrad',
  inputs: ['dy', 'y'],
  outputs: 1,
  attributes,
  composed: ({ dy, y }, attrs) => [seluGrad(dy!, y!, attrs, false)],
});

registerOpGradient({
  op: 'TfjsSelu',
  inputsToSave: [],
  outputsToSave: [true],
  gradient(dy, [y], attrs) {
    const [dx] = runOp('TfjsSeluGrad', { dy, y: y! }, attrs);
    return { x: dx! };
  },
});

function selu_<T extends Tensor>(value: T | TensorLike, given?: SeluOptions): T {
  const fail = opFail('selu');
  const x = toInput(fail, value, 0);
  const { alpha, lambda } = checkSelu(fail, checkOptions(fail, given));
  const negative = checkPositive(fail, 'alpha * lambda', alpha * lambda);
  return runOp('TfjsSelu', { x }, { positive: lambda, negative })[0] as T;
}

/**
 * Scaled exponential linear unit, for tensors of any shape.
 *
 *     y = lambda * x (x > 0)    lambda * alpha * (e^x - 1) (x <= 0)
 *
 * The default `alpha` and `lambda` have mean 0 and variance 1 as their fixed point; {@link seluParameters} gives those of
 * other fixed points. The gradient is taken from y, at x = 0 that of the left side. NaN gives NaN.
 *
 * Throws a `NormError` where an argument is out of its domain or `x` is not float32.
 *
 * Paper: Klambauer, Unterthiner, Mayr & Hochreiter, Self-Normalizing Neural Networks, arXiv 1706.02515.
 */
export const selu = tf.op({ selu_ }) as typeof selu_;
