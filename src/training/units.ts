/** Which slices of a model's weights have one scale: units that are joined where the model adds them or uses a weight twice. */
import type { Variable } from '@tensorflow/tfjs-node';
import type { ScaledAxis, ScalingGroup } from './scalingGroups';

type Side = 'producer' | 'consumer' | 'bias';

interface AxisUnits {
  variable: Variable;
  axis: number;
  side: Side;
  units: number[];
}

interface Found {
  group: ScalingGroup;
  /** The unit of the group by the unit of the model. */
  members: Map<number, number>;
}

/** The unit whose scale is 1: that of inputs, of outputs and of what is frozen. */
const FIXED = 0;

export class Units {
  private readonly parents = [FIXED];
  private readonly axes: AxisUnits[] = [];

  make(count: number): number[] {
    const first = this.parents.length;
    for (let unit = first; unit < first + count; unit++) this.parents.push(unit);
    return Array.from({ length: count }, (_, i) => first + i);
  }

  pin(units: readonly number[] | null): void {
    for (const unit of units ?? []) this.join(unit, FIXED);
  }

  /** Gives each pair one scale. */
  joinAll(a: readonly number[], b: readonly number[]): void {
    a.forEach((unit, i) => {
      this.join(unit, b[i]!);
    });
  }

  /** That the slices along an axis of a weight are these units'; new units unless given. Fixed where they are null. */
  assign(variable: Variable, axis: number, side: Side, given?: number[] | null): number[] {
    const known = this.axes.find((one) => one.variable === variable && one.axis === axis);
    const extent = variable.shape[axis]!;
    const units = given === null ? Array<number>(extent).fill(FIXED) : given;
    if (known) {
      if (units) this.joinAll(units, known.units);
      return known.units;
    }
    const own = units ?? this.make(extent);
    this.axes.push({ variable, axis, side, units: own });
    return own;
  }

  /** The groups of units that the same weights produce, in the order of the producers. `last`: the model's last weights. */
  groups(last: ReadonlySet<Variable>): ScalingGroup[] {
    const consumed = this.unitsOf('consumer');
    const producers = new Map<number, number[]>();
    this.axes.forEach(({ side, units }, i) => {
      if (side !== 'producer') return;
      for (const unit of new Set(units.map((one) => this.root(one)))) {
        if (unit === this.root(FIXED) || !consumed.has(unit)) continue;
        producers.set(unit, [...(producers.get(unit) ?? []), i]);
      }
    });
    const found = new Map<string, Found>();
    for (const [unit, of] of producers) {
      const key = of.join();
      const entry = found.get(key) ?? {
        group: { units: 0, producers: [], consumers: [], biases: [], last: false },
        members: new Map(),
      };
      entry.members.set(unit, entry.group.units++);
      found.set(key, entry);
    }
    const all = [...found.values()];
    for (const axis of this.axes) for (const entry of all) this.addTo(entry, axis, last);
    return all.map(({ group }) => group);
  }

  private addTo({ group, members }: Found, axis: AxisUnits, last: ReadonlySet<Variable>): void {
    const units = axis.units.map((unit) => members.get(this.root(unit)) ?? -1);
    if (units.every((unit) => unit < 0)) return;
    const scaled: ScaledAxis = { variable: axis.variable, axis: axis.axis, units };
    if (axis.side === 'producer') group.producers.push(scaled);
    else if (axis.side === 'bias') group.biases!.push(scaled);
    else {
      group.consumers.push(scaled);
      group.last ||= last.has(axis.variable);
    }
  }

  private unitsOf(side: Side): Set<number> {
    const of = this.axes.filter((axis) => axis.side === side);
    return new Set(of.flatMap(({ units }) => units.map((unit) => this.root(unit))));
  }

  private root(unit: number): number {
    let at = unit;
    while (this.parents[at] !== at) {
      this.parents[at] = this.parents[this.parents[at]!]!;
      at = this.parents[at]!;
    }
    return at;
  }

  private join(a: number, b: number): void {
    this.parents[this.root(a)] = this.root(b);
  }
}
