/** The op of SELU and alpha dropout at once: kernels, gradient and the public function. */
import type { Tensor, TensorLike } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { seluAlphaDropout as composedSeluAlphaDropout, seluGrad } from '../core/composed/selu';
import { seedInput } from '../core/dropout';
import { opFail } from '../core/errors';
import { registerOp, registerOpGradient, runOp } from '../core/kernels';
import { toInput } from '../core/tensors';
import { tf } from '../tensorflow';
import { type AlphaDropoutOptions, dropoutOf } from './alphaDropout';
import { selu } from './selu';

const attributes = { positive: 'float', negative: 'float', offset: 'float' } as const;

registerOp({
  name: 'TfjsSeluAlphaDropout',
  inputs: ['x', 'seed'],
  outputs: 1,
  attributes: { ...attributes, threshold: 'int', shared_axes: 'int' },
  composed: ({ x, seed }, attrs) => [composedSeluAlphaDropout(x!, seed!, attrs)],
});

registerOp({
  name: 'TfjsSeluAlphaDropoutGrad',
  inputs: ['dy', 'y'],
  outputs: 1,
  attributes,
  composed: ({ dy, y }, attrs) => [seluGrad(dy!, y!, attrs, true)],
});

registerOpGradient({
  op: 'TfjsSeluAlphaDropout',
  inputsToSave: [],
  outputsToSave: [true],
  gradient(dy, [y], attrs) {
    const [dx] = runOp('TfjsSeluAlphaDropoutGrad', { dy, y: y! }, attrs);
    return { x: dx! };
  },
});

function seluAlphaDropout_<T extends Tensor>(value: T | TensorLike, given: AlphaDropoutOptions): T {
  const fail = opFail('seluAlphaDropout');
  const options = checkOptions(fail, given);
  const x = toInput(fail, value, 0);
  const { rate, lambda, saturation, a, b, random } = dropoutOf(fail, options, x.shape);
  const seed = seedInput(fail, options);
  if (rate === 0) return selu(x, { alpha: options.alpha, lambda: options.lambda }) as T;
  const attrs = { positive: a * lambda, negative: a * saturation, offset: b, ...random };
  return runOp('TfjsSeluAlphaDropout', { x, seed }, attrs)[0] as T;
}

/**
 * {@link selu} and {@link alphaDropout} after it in one pass: y = a * (d ? selu(x) : alpha') + b.
 *
 * Saved for the gradient is y alone. Dropped elements have the value that SELU ends at far below 0, so their slope,
 * which y tells, is exactly 0; a kept element with that very value (x below about -16) passes nothing on either.
 *
 * Options, errors and paper as for {@link alphaDropout}.
 */
export const seluAlphaDropout = tf.op({ seluAlphaDropout_ }) as typeof seluAlphaDropout_;
