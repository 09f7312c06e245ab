/** How groups become calls of the native op: which weights, in which order, with which shares. */
import type { Tensor, Variable } from '@tensorflow/tfjs-node';
import { opFail } from '../core/errors';
import { tf } from '../tensorflow';
import type { Role, ScaledWeight, ScalingGroup } from './scalingGroups';

export interface ScalingSettings {
  p: number;
  c: number;
  asymmetric: 'uniform' | 'adaptive';
  scaleBiases: boolean;
}

export type Order = 'sequential' | 'redblack' | 'simultaneous';

/** One call of TfjsEquiNorm: its weights, and the tensors that say which slices are whose. */
export interface ScalingCall {
  entries: number;
  variables: Variable[];
  tensors: {
    rows: Tensor[];
    columns: Tensor[];
    order: Tensor;
    starts: Tensor;
    shares: Tensor;
    exponents: Tensor;
  };
}

const rolesOf = ({ rows, columns }: ScaledWeight): Role[] => [...rows, ...columns];
const counted = (role: Role) => role.side !== 'bias';

/** The groups of each call of a cycle. */
export function stepsOf(
  groups: ScalingGroup[],
  weights: ScaledWeight[],
  order: Order,
  skipLast: boolean,
): number[][] {
  const producing = (weight: ScaledWeight) => rolesOf(weight).some((r) => r.side === 'producer');
  const last = new Set(
    weights
      .filter((weight) => !producing(weight))
      .flatMap((weight) => rolesOf(weight).filter((r) => r.side === 'consumer'))
      .map(({ group }) => group),
  );
  const isLast = (group: number) => groups[group]!.last ?? last.has(group);
  const all = groups.map((_, group) => group).filter((group) => !(skipLast && isLast(group)));
  if (all.length === 0) {
    opFail('equiNormalization')('groups', 'must have a group that skipLast does not leave out', '');
  }
  if (order === 'simultaneous') return [all];
  if (order === 'sequential') return all.map((group) => [group]);
  const colors: number[][] = [];
  for (const group of all) {
    const near = new Set(
      weights
        .map((weight) =>
          rolesOf(weight)
            .filter(counted)
            .map((role) => role.group),
        )
        .filter((of) => of.includes(group))
        .flat(),
    );
    const free = colors.find((color) => !color.some((other) => near.has(other)));
    if (free) free.push(group);
    else colors.push([group]);
  }
  return colors;
}

/** How many weights lie before each, on the longest way to it. */
function depthsOf(groups: ScalingGroup[], c: number): Map<Variable, number> {
  const depths = new Map<Variable, number>();
  const open = new Set<Variable>();
  const visit = (variable: Variable): number => {
    const known = depths.get(variable);
    if (known !== undefined) return known;
    if (open.has(variable)) {
      if (c === 1) return 0;
      opFail('equiNormalization')('c', 'must be 1 where groups follow each other in a circle', c);
    }
    open.add(variable);
    const before = groups
      .filter(({ consumers }) => consumers.some((one) => one.variable === variable))
      .flatMap(({ producers }) => producers.map((one) => visit(one.variable) + 1));
    const depth = Math.max(0, ...before);
    depths.set(variable, depth);
    return depth;
  };
  for (const { producers, consumers } of groups) {
    for (const { variable } of [...producers, ...consumers]) visit(variable);
  }
  return depths;
}

/** The relative weights of the objective's terms. */
export function sharesOf(
  groups: ScalingGroup[],
  settings: ScalingSettings,
): (of: Variable) => number {
  if (settings.asymmetric === 'adaptive') return ({ size }) => 1 / size;
  if (settings.c === 1) return () => 1;
  const depths = depthsOf(groups, settings.c);
  return (of) => settings.c ** (-settings.p * depths.get(of)!);
}

export function callOf(
  groups: ScalingGroup[],
  weights: ScaledWeight[],
  chosen: number[],
  order: Order,
  settings: ScalingSettings,
): ScalingCall {
  const firsts: number[] = [];
  let entries = 0;
  for (const { units } of groups) {
    firsts.push(entries);
    entries += units;
  }
  const share = sharesOf(groups, settings);
  const taken = weights.filter((weight) =>
    rolesOf(weight).some(
      (role) => chosen.includes(role.group) && (counted(role) || order === 'simultaneous'),
    ),
  );
  // By entry, producers and consumers: positions of their sums, and shares relative to the entry's largest.
  const segments = Array.from({ length: 2 * entries }, () => [] as { at: number; share: number }[]);
  const half = new Set<number>();
  let position = 0;
  const numbers = (variable: Variable, roles: Role[], extent: number): Tensor => {
    const values = new Float32Array(extent);
    for (const { group, side, units } of roles) {
      units.forEach((unit, slice) => {
        if (unit < 0) return;
        const entry = firsts[group]! + unit;
        if (side !== 'bias' || settings.scaleBiases) {
          values[slice] = side === 'consumer' ? -(entry + 1) : entry + 1;
        }
        if (side === 'bias' || !chosen.includes(group)) return;
        const segment = segments[2 * entry + (side === 'consumer' ? 1 : 0)]!;
        segment.push({ at: position + slice, share: share(variable) });
      });
    }
    position += extent;
    return tf.keep(tf.tensor1d(values));
  };
  const rows: Tensor[] = [];
  const columns: Tensor[] = [];
  for (const { variable, rows: ofRows, columns: ofColumns } of taken) {
    const { shape, rank } = variable;
    rows.push(numbers(variable, ofRows, rank > 1 ? shape[rank - 2]! : 1));
    columns.push(numbers(variable, ofColumns, shape[rank - 1]!));
    // Both ends of such a weight move at once: with half the exponent the objective does not grow.
    for (const { group } of ofRows.filter(counted)) {
      if (ofColumns.some((role) => counted(role) && role.group === group)) half.add(group);
    }
  }
  const places = new Float32Array(position);
  const shares = new Float32Array(position);
  const starts = new Float32Array(2 * entries + 1);
  let filled = 0;
  segments.forEach((segment, i) => {
    const own = segments[i ^ 1]!;
    const most = Math.max(...[...segment, ...own].map((one) => one.share));
    starts[i] = filled;
    for (const one of segment) {
      places[filled] = one.at;
      shares[filled] = one.share / most;
      filled += 1;
    }
  });
  starts[2 * entries] = filled;
  const exponents = new Float32Array(entries);
  for (const group of chosen) {
    const exponent = 1 / (2 * settings.p) / (half.has(group) ? 2 : 1);
    exponents.fill(exponent, firsts[group]!, firsts[group]! + groups[group]!.units);
  }
  const vector = (values: Float32Array) => tf.keep(tf.tensor1d(values)) as Tensor;
  return {
    entries,
    variables: taken.map(({ variable }) => variable),
    tensors: {
      rows,
      columns,
      order: vector(places),
      starts: vector(starts),
      shares: vector(shares),
      exponents: vector(exponents),
    },
  };
}
