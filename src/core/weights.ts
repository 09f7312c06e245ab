/** What the ops on weights share: one weight or a list of them, and the axes whose entries have a statistic each. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import { resolveAxes } from './checks';
import type { Fail } from './errors';
import { toParameter, toTensor } from './tensors';

/** As an op's attributes say it: adjacent axes, the first counted from either end. */
export interface KeptAxes {
  axis: number;
  keptAxes: number;
}

export interface Weights {
  weights: Tensor[];
  /** As many as weights, or none. */
  gains: Tensor[];
  kept: KeptAxes;
}

/** Whether the user gave a list of weights, and not a weight as an array of numbers. */
export function isList(given: unknown): given is Tensor[] {
  return Array.isArray(given) && given.length > 0 && given.every((one) => one instanceof tf.Tensor);
}

/** The kept axes of a weight of this shape, from the front; null keeps none. */
export function keptAxes(fail: Fail, axis: unknown, shape: number[]): number[] {
  if (axis === null) return [];
  const axes = resolveAxes(fail, axis, shape.length);
  const adjacent = axes.every((one, i) => one === axes[0]! + i);
  return adjacent ? axes : fail('axis', 'must name adjacent axes', axis);
}

/** The same as an op's attributes say it, counted from the end. */
export function keptAxesOf(fail: Fail, axis: unknown, shape: number[]): KeptAxes {
  const axes = keptAxes(fail, axis, shape);
  return { axis: axes.length > 0 ? axes[0]! - shape.length : -1, keptAxes: axes.length };
}

/** Kept axes that are the same for all weights, counted from the end or from the front. */
function commonAxes(fail: Fail, axis: unknown, weights: Tensor[]): KeptAxes {
  const all = weights.map(({ shape }) => keptAxes(fail, axis, shape));
  const count = all[0]!.length;
  if (count === 0) return { axis: -1, keptAxes: 0 };
  const fromEnd = all.map((axes, i) => axes[0]! - weights[i]!.rank);
  for (const firsts of [fromEnd, all.map((axes) => axes[0]!)]) {
    if (firsts.every((first) => first === firsts[0])) return { axis: firsts[0]!, keptAxes: count };
  }
  return fail('axis', 'must be counted from one end for weights of several ranks', axis);
}

/** Weights and gains by the names of their arguments. */
export function toWeights(
  fail: Fail,
  [name, given]: readonly [string, unknown],
  [gainName, givenGains]: readonly [string, unknown],
  axis: unknown,
): Weights {
  const many = isList(given);
  const entry = (argument: string, i: number) => (many ? `${argument}[${i}]` : argument);
  const weights = (many ? given : [given]).map((one, i) => {
    const weight = toTensor(fail, entry(name, i), one);
    return weight.rank > 0
      ? weight
      : fail(entry(name, i), 'must have rank 1 or more', weight.shape);
  });
  const kept = commonAxes(fail, axis, weights);
  if (givenGains === undefined || givenGains === null) return { weights, gains: [], kept };
  if (many && !(Array.isArray(givenGains) && givenGains.length === weights.length)) {
    return fail(gainName, `must be a list of ${weights.length} gains`, givenGains);
  }
  const gains = weights.map(({ shape }, i) => {
    const extents = keptAxes(fail, axis, shape).map((one) => shape[one]!);
    const gain = many ? (givenGains as unknown[])[i] : givenGains;
    return toParameter(fail, entry(gainName, i), gain, extents);
  });
  return { weights, gains, kept };
}
