/** Data, tensors and reference results of one case of a table. */
import type { Tensor } from '@tensorflow/tfjs';
import { type Array64, array64, normal, sizeOf } from './arrays';
import type { Case, Normalizer } from './describeNormalizer';
import type { Parameters } from './reference';
import { tensor, withGradients } from './tensors';

export interface Prepared {
  x: Array64;
  dy: Array64;
  parameters: Parameters;
  /** With the normalizer's epsilon, where it has one. */
  options: NonNullable<Case['options']> & { epsilon: number };
  reference: ReturnType<Normalizer['reference']>;
}

/** Normal data with a different mean and spread in each parameter class, so that no statistic is trivial. */
export function prepare(normalizer: Normalizer, c: Case, seed = 1): Prepared {
  const { epsilon } = normalizer;
  const given = epsilon === undefined ? c.options : { epsilon, ...c.options };
  const options = { ...given } as Prepared['options'];
  const partition = normalizer.partition(c.shape, options);
  const { mean = 0.5, deviation = 1.5 } = c;
  const x = normal(c.shape, seed, { mean, deviation });
  const offset = normal(partition.parameterShape, seed + 1, { deviation: 0.5 * deviation }).data;
  x.data.forEach((value, i) => {
    x.data[i] = Math.fround(value + offset[partition.parameter[i]!]!);
  });
  const parameters: Parameters = {};
  if (c.scale ?? true)
    parameters.gamma = normal(partition.parameterShape, seed + 2, { mean: 1, deviation: 0.3 });
  if (c.center ?? true) parameters.beta = normal(partition.parameterShape, seed + 3);
  return {
    x,
    dy: normal(c.shape, seed + 4),
    parameters,
    options,
    reference: normalizer.reference(x.data, partition, parameters, options),
  };
}

export interface Inputs {
  x: Tensor;
  dy: Tensor;
  gamma?: Tensor;
  beta?: Tensor;
}

export function tensorsOf({ x, dy, parameters: { gamma, beta } }: Prepared): Inputs {
  return {
    x: tensor(x),
    dy: tensor(dy),
    gamma: gamma && tensor(gamma),
    beta: beta && tensor(beta),
  };
}

/** y and the gradients of the op, by name. */
export function run(normalizer: Normalizer, p: Prepared, inputs: Inputs) {
  const names = (['x', 'gamma', 'beta'] as const).filter((name) => inputs[name]);
  const { y, grads } = withGradients(
    (...tensors) => {
      const { x, ...parameters } = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      return normalizer.op(x!, parameters, p.options);
    },
    names.map((name) => inputs[name]!),
    inputs.dy,
  );
  return {
    y,
    grads: Object.fromEntries(names.map((name, i) => [name, grads[i]!])) as Record<string, Tensor>,
  };
}

/** The first `count` samples of x. */
export function firstSamples(x: Array64, count: number): Array64 {
  const shape = [count, ...x.shape.slice(1)];
  return array64(shape, x.data.subarray(0, sizeOf(shape)));
}
