/** What the tables of test/norms share. */
import type { Tensor } from '@tensorflow/tfjs';
import type { ExpectedWeight } from './describeNormalizer';

/** The configuration of a layer's default initializers, regularizers and constraints. */
export const AFFINE_DEFAULTS = {
  scale: true,
  center: true,
  gammaInitializer: { className: 'Ones', config: {} },
  betaInitializer: { className: 'Zeros', config: {} },
  gammaRegularizer: null,
  betaRegularizer: null,
  gammaConstraint: null,
  betaConstraint: null,
};

export const constant = (value: number) => ({ className: 'Constant', config: { value } });
const penalty = { className: 'L1L2', config: { l1: 0.25, l2: 0.125 } };
const constraint = (maxValue: number) => ({ className: 'MaxNorm', config: { maxValue, axis: 0 } });

export const EVERY_AFFINE_ARGUMENT = {
  scale: false,
  center: false,
  gammaInitializer: constant(2),
  betaInitializer: constant(3),
  gammaRegularizer: penalty,
  betaRegularizer: penalty,
  gammaConstraint: constraint(4),
  betaConstraint: constraint(5),
};

export function affineWeights(shape: number[], args: Record<string, unknown>): ExpectedWeight[] {
  return [
    ...(args.scale !== false ? [{ name: 'gamma', shape, trainable: true }] : []),
    ...(args.center !== false ? [{ name: 'beta', shape, trainable: true }] : []),
  ];
}

/** Calls that every op refuses in the same way. `call` runs it with these options on this x. */
export function commonBadArguments(
  op: string,
  call: (x: unknown, options: Record<string, unknown>) => unknown,
  x: () => Tensor,
): [string, () => unknown, RegExp][] {
  const on = (options: Record<string, unknown>) => () => {
    const tensor = x();
    try {
      return call(tensor, options);
    } finally {
      tensor.dispose();
    }
  };
  const says = (...words: string[]) => new RegExp([`^${op}: `, ...words].join('.*'), 's');
  const epsilons: [string, unknown][] = [
    ['0', 0],
    ['negative', -1e-3],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['1e-46, which is 0 as a float32', 1e-46],
    ["'small'", 'small'],
  ];
  return [
    ...epsilons.map(
      ([what, epsilon]) =>
        [`epsilon ${what}`, on({ epsilon }), says('epsilon', 'got')] as [
          string,
          () => unknown,
          RegExp,
        ],
    ),
    ['axis = rank', on({ axis: 4 }), says('axis', 'got', '4')],
    ['axis = -rank - 1', on({ axis: -5 }), says('axis', 'got', '-5')],
    ['axis 1.5', on({ axis: 1.5 }), says('axis', 'got', '1\\.5')],
    ['axis NaN', on({ axis: Number.NaN }), says('axis', 'got', 'NaN')],
    ['a string for x', () => call('image', {}), /x.*|'x'.*/s],
  ];
}
