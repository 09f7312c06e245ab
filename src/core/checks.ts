/** Checks of arguments that ops and layers share. Each returns the value in the form the kernels take. */
import type { Fail } from './errors';

/** Finite, and above 0 also as the float32 that the kernels see. */
export function checkPositive(fail: Fail, argument: string, value: unknown): number {
  if (
    typeof value !== 'number' ||
    !(Math.fround(value) > 0) ||
    !Number.isFinite(Math.fround(value))
  ) {
    return fail(argument, 'must be a finite float32 number greater than 0', value);
  }
  return value;
}

export function checkFinite(fail: Fail, argument: string, value: unknown): number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value))
    ? value
    : fail(argument, 'must be a finite float32 number', value);
}

export function checkCount(fail: Fail, argument: string, value: unknown): number {
  return Number.isInteger(value) && (value as number) >= 1
    ? (value as number)
    : fail(argument, 'must be a positive integer', value);
}

export function checkEpsilon(fail: Fail, value: unknown): number {
  return checkPositive(fail, 'epsilon', value);
}

/** The options of an op: an object, or nothing. */
export function checkOptions<T extends object>(fail: Fail, options: T | null | undefined): T {
  if (options === undefined || options === null) return {} as T;
  return typeof options === 'object' ? options : fail('options', 'must be an object', options);
}

export function checkFraction(fail: Fail, argument: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    return fail(argument, 'must be a number from 0 to 1', value);
  }
  return value;
}

export function checkInteger(fail: Fail, argument: string, value: unknown, least: number): number {
  return Number.isSafeInteger(value) && (value as number) >= least
    ? (value as number)
    : fail(argument, `must be an integer of ${least} or more`, value);
}

export function checkBoolean(fail: Fail, argument: string, value: unknown): boolean {
  return typeof value === 'boolean' ? value : fail(argument, 'must be a boolean', value);
}

export function checkChoice<T extends string>(
  fail: Fail,
  argument: string,
  choices: readonly T[],
  value: unknown,
): T {
  if (choices.includes(value as T)) return value as T;
  const names = choices.map((choice) => `'${choice}'`);
  const last = names.pop();
  return fail(argument, `must be ${names.join(', ')} or ${last}`, value);
}

/** One axis, counted from the front. */
export function resolveAxis(fail: Fail, axis: unknown, rank: number): number {
  if (typeof axis !== 'number' || !Number.isInteger(axis) || axis < -rank || axis >= rank) {
    return fail('axis', `must be an integer from ${-rank} to ${rank - 1} for rank ${rank}`, axis);
  }
  return axis < 0 ? axis + rank : axis;
}

/** One axis or several, counted from the front, in ascending order. */
export function resolveAxes(fail: Fail, axis: unknown, rank: number): number[] {
  if (!Array.isArray(axis)) return [resolveAxis(fail, axis, rank)];
  if (axis.length === 0) return fail('axis', 'must name at least one axis', axis);
  const all = (argument: string, expected: string) => fail(argument, expected, axis);
  const axes = axis.map((one) => resolveAxis(all, one, rank)).sort((a, b) => a - b);
  if (new Set(axes).size !== axes.length) return fail('axis', 'must not name an axis twice', axis);
  return axes;
}

/** The axis of the channels of a normalizer that works sample by sample: any but the batch. */
export function resolveChannelAxis(fail: Fail, axis: unknown, rank: number): number {
  const resolved = resolveAxis(fail, axis, rank);
  return resolved === 0 ? fail('axis', 'must not be the batch axis', axis) : resolved;
}

export function checkGroups(fail: Fail, groups: unknown, channels: number): number {
  if (typeof groups !== 'number' || !Number.isInteger(groups) || groups < 1) {
    return fail(
      'groups',
      `must be a positive integer that divides the ${channels} channels`,
      groups,
    );
  }
  if (channels === 0 || channels % groups !== 0) {
    return fail('groups', `must divide the ${channels} channels`, groups);
  }
  return groups;
}

/** `undefined` and `null` mean the whole batch, 0 for the kernels. */
export function checkVirtualBatchSize(fail: Fail, size: unknown): number {
  if (size === undefined || size === null) return 0;
  return checkCount(fail, 'virtualBatchSize', size);
}

/** Bounds of the corrections of batch renormalization; a missing one does not bound. */
export interface RenormClipping {
  /** The largest r. Default infinity. */
  rmax?: number;
  /** The least r. Default 0. */
  rmin?: number;
  /** The largest |d|. Default infinity. */
  dmax?: number;
}

const CLIPPING = ['rmax', 'rmin', 'dmax'] as const;

/** A frozen copy with the bounds that are given; `null` where none are. */
export function checkRenormClipping(fail: Fail, value: unknown): RenormClipping | null {
  if (value === undefined || value === null) return null;
  const wrong = (expected: string) => fail('renormClipping', expected, value);
  const keys = CLIPPING.join(', ');
  if (typeof value !== 'object' || Array.isArray(value)) {
    return wrong(`must be an object with bounds of ${keys}`);
  }
  const bounds: RenormClipping = {};
  for (const [name, bound] of Object.entries(value)) {
    const key = CLIPPING.find((known) => known === name);
    if (!key) return wrong(`must have no other bounds than ${keys}`);
    if (bound === undefined || bound === null) continue;
    if (typeof bound !== 'number' || !(bound >= 0)) {
      return wrong(`must have a ${key} that is a number and not negative`);
    }
    bounds[key] = bound;
  }
  if ((bounds.rmin ?? 0) > (bounds.rmax ?? Infinity)) {
    return wrong('must not have an rmin above its rmax');
  }
  return Object.freeze(bounds);
}

/** `undefined` and `null` mean all columns, 1. */
export function checkPartial(fail: Fail, partial: unknown): number {
  if (partial === undefined || partial === null) return 1;
  if (typeof partial !== 'number' || !(partial > 0 && partial <= 1)) {
    return fail('partial', 'must be a number greater than 0 and at most 1', partial);
  }
  return partial;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}

/** Of two axes: one number for both, or one for each. */
export function checkPair(fail: Fail, argument: string, value: unknown): [number, number] {
  const pair = Array.isArray(value) ? value : [value, value];
  if (pair.length !== 2 || !pair.every((n) => Number.isInteger(n) && n > 0)) {
    fail(argument, 'must be a positive integer or two of them', value);
  }
  return [pair[0], pair[1]];
}
