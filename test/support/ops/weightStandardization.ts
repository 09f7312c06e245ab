import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { choose, EPSILON, type EveryOp, type RawOp } from '../opEntry';
import { batchPartition, type Options } from '../reference';
import { type WeightSettings, weightReference } from '../weightReference';

const DIVISORS: Record<string, WeightSettings['divisor']> = {
  biased: 'deviation',
  unbiased: 'unbiasedDeviation',
  insideSqrt: 'rootOfVariance',
  scaled: 'norm',
};

type Given = Options & { gamma?: Tensor; beta?: Tensor; mode?: 'biased' };

export const everyOp: EveryOp = {
  name: 'weightStandardization',
  op: (x, given) => {
    const { gamma, beta, ...options } = (given ?? {}) as Given;
    const w = norm.ops.weightStandardization(x, { epsilon: EPSILON, ...options, gain: gamma });
    return beta ? tf.add(w, beta) : w;
  },
  partition: (shape) => batchPartition(shape, {}),
  reference: (x, shape, options = {}, parameters = {}) => {
    const { mode = 'biased', epsilon = EPSILON } = options as Given;
    const divisor = DIVISORS[mode]!;
    return weightReference(x, batchPartition(shape, {}), parameters, {
      divisor,
      center: true,
      epsilon,
    });
  },
  perSample: false,
  randomOptions: (_shape, { choice }) => ({ mode: choose(Object.keys(DIVISORS), choice) }),
  launches: { forward: 1, backward: 1 },
};

export const rawOps: RawOp[] = [];
