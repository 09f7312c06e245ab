/** Groups of units whose scale is free, as equi-normalization takes them. */
import type { Variable } from '@tensorflow/tfjs-node';
import { opFail } from '../core/errors';
import { tf } from '../tensorflow';

/** An axis of a weight, whose slices belong to the units of a group. */
export interface ScaledAxis {
  variable: Variable;
  /** The last axis or the one before it, counted from either end. */
  axis: number;
  /** The unit of each slice, -1 for one of none; slice i is of unit i unless given. */
  units?: ArrayLike<number>;
}

/** Units that may be scaled together: what produces them is multiplied, what consumes them is divided. */
export interface ScalingGroup {
  units: number;
  /** Weights whose outputs they are; at least one. */
  producers: ScaledAxis[];
  /** Weights whose inputs they are; at least one. */
  consumers: ScaledAxis[];
  /** What is scaled with the producers but does not count in their norms. */
  biases?: ScaledAxis[];
  /** Whether `skipLast` leaves it out. Unless given: whether a consumer produces no units of any group. */
  last?: boolean;
}

/** The role of one axis of a weight in a group. */
export interface Role {
  group: number;
  side: 'producer' | 'consumer' | 'bias';
  units: number[];
}

/** A weight with the roles of its rows and columns. */
export interface ScaledWeight {
  variable: Variable;
  rows: Role[];
  columns: Role[];
}

const fail = opFail('equiNormalization');

function roleOf(group: number, side: Role['side'], of: ScaledAxis, units: number, where: string) {
  const { variable } = of;
  if (!(variable instanceof tf.Variable) || variable.dtype !== 'float32' || variable.rank < 1) {
    return fail(`${where}.variable`, 'must be a float32 variable of rank 1 or more', variable);
  }
  const axis = of.axis < 0 ? of.axis + variable.rank : of.axis;
  if (!Number.isInteger(axis) || axis < Math.max(variable.rank - 2, 0) || axis >= variable.rank) {
    return fail(`${where}.axis`, `must be one of the last two axes of ${variable.name}`, of.axis);
  }
  const list = of.units ? Array.from(of.units) : Array.from({ length: units }, (_, i) => i);
  const extent = variable.shape[axis]!;
  if (list.length !== extent) {
    return fail(
      `${where}.units`,
      `must be ${extent}, one for each slice of ${variable.name}`,
      list.length,
    );
  }
  if (!list.every((unit) => Number.isInteger(unit) && unit >= -1 && unit < units)) {
    return fail(`${where}.units`, `must be from -1 to ${units - 1}`, list);
  }
  return { role: { group, side, units: list } as Role, isColumn: axis === variable.rank - 1 };
}

/** The weights of all groups, each once. */
export function weightsOf(groups: ScalingGroup[]): ScaledWeight[] {
  const weights = new Map<Variable, ScaledWeight>();
  groups.forEach(({ units, producers, consumers, biases = [] }, group) => {
    if (!Number.isInteger(units) || units < 1) {
      fail(`groups[${group}].units`, 'must be a positive integer', units);
    }
    for (const [name, list] of Object.entries({ producers, consumers })) {
      if (!Array.isArray(list) || list.length === 0) {
        fail(`groups[${group}].${name}`, 'must have one weight or more', list);
      }
    }
    const add = (side: Role['side'], list: ScaledAxis[]) => {
      for (const [i, of] of list.entries()) {
        const where = `groups[${group}].${side}s[${i}]`;
        const { role, isColumn } = roleOf(group, side, of, units, where);
        const weight = weights.get(of.variable) ?? {
          variable: of.variable,
          rows: [],
          columns: [],
        };
        weights.set(of.variable, weight);
        const roles = isColumn ? weight.columns : weight.rows;
        const taken = roles.some((other) =>
          other.units.some((unit, slice) => unit >= 0 && role.units[slice]! >= 0),
        );
        if (taken) fail(where, 'must name slices that have no other unit', of.variable.name);
        roles.push(role);
      }
    };
    add('producer', producers);
    add('consumer', consumers);
    add('bias', biases);
  });
  return [...weights.values()];
}
