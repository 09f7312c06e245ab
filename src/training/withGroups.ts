/** Optimizers whose step sizes and weight decay differ by groups of weights, which tfjs has not. */
import type { Optimizer, serialization, Tensor, Variable } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { tf } from '../tensorflow';
import {
  checkMatch,
  type Gradients,
  matches,
  type NameMatch,
  namedGradients,
  readBase,
  readMatch,
  variableNamed,
  WrappedOptimizer,
  type WrittenMatch,
  writeMatch,
} from './wrappedOptimizer';

/** Weights that are trained alike. */
export interface WeightGroup {
  /** In the weights' names, such as 'stage1_block1/bias1a': a text that is part of them, or a regular expression. */
  match: NameMatch;
  /** What the step is multiplied with, 0 or more; with 0 the weights stay. Default 1. */
  lrMultiplier?: number;
  /** This times the weight is added to its gradient, 0 or more. Default 0. */
  weightDecay?: number;
}

const OP = 'withGroups';

type Settings = Required<Omit<WeightGroup, 'match'>>;

const PLAIN: Settings = { lrMultiplier: 1, weightDecay: 0 };
/** Of optimizers whose step is in proportion to the gradients: a factor of the one is a factor of the other. */
const PROPORTIONAL = ['SGD', 'Momentum'];

function checkNumber(fail: Fail, argument: string, value: unknown): number {
  return typeof value === 'number' && value >= 0 && value < Infinity
    ? value
    : fail(argument, 'must be a finite number of 0 or more', value);
}

function checkGroups(fail: Fail, groups: unknown): Required<WeightGroup>[] {
  if (!Array.isArray(groups)) return fail('groups', 'must be a list', groups);
  return groups.map((group, i) => {
    const { match, lrMultiplier = 1, weightDecay = 0, ...others } = checkOptions(fail, group);
    const of = (name: string) => `groups[${i}].${name}`;
    for (const [name, value] of Object.entries(others)) fail(of(name), 'is not an option', value);
    return {
      match: checkMatch(fail, of('match'), match),
      lrMultiplier: checkNumber(fail, of('lrMultiplier'), lrMultiplier),
      weightDecay: checkNumber(fail, of('weightDecay'), weightDecay),
    };
  });
}

/** See {@link withGroups}. */
export class GroupedOptimizer extends WrappedOptimizer {
  /** @nocollapse */
  static readonly className: string = 'GroupedOptimizer';
  readonly groups: readonly Required<WeightGroup>[];
  private readonly settings = new Map<string, Settings>();

  constructor(base: Optimizer, groups: readonly WeightGroup[]) {
    const fail = opFail(OP);
    super(base, fail);
    this.groups = checkGroups(fail, groups);
  }

  /** Those of the first group that matches. */
  settingsOf(name: string): Settings {
    let found = this.settings.get(name);
    if (!found) {
      found = this.groups.find(({ match }) => matches(match, name)) ?? PLAIN;
      this.settings.set(name, found);
    }
    return found;
  }

  override applyGradients(given: Gradients): void {
    const proportional = PROPORTIONAL.includes(this.base.getClassName());
    const made: Tensor[] = [];
    const before: { variable: Variable; value: Tensor; lrMultiplier: number }[] = [];
    const gradients = namedGradients(given).map(({ name, tensor }) => {
      const { lrMultiplier, weightDecay } = this.settingsOf(name);
      const plain = lrMultiplier === 1 && weightDecay === 0;
      if (plain || tensor == null) return { name, tensor };
      const variable = variableNamed(name);
      if (!proportional && lrMultiplier !== 1) {
        before.push({ variable, value: tf.clone(variable), lrMultiplier });
      }
      const changed = tf.tidy(() => {
        const decayed = weightDecay === 0 ? tensor : tf.add(tensor, tf.mul(variable, weightDecay));
        return proportional && lrMultiplier !== 1 ? tf.mul(decayed, lrMultiplier) : decayed;
      });
      if (changed !== tensor) made.push(changed);
      return { name, tensor: changed };
    });
    this.base.applyGradients(gradients as Gradients);
    for (const { variable, value, lrMultiplier } of before) {
      tf.tidy(() => {
        variable.assign(tf.add(value, tf.mul(tf.sub(variable, value), lrMultiplier)));
      });
    }
    tf.dispose([made, before.map(({ value }) => value)]);
  }

  override getConfig(): serialization.ConfigDict {
    const groups = this.groups.map(({ match, ...settings }) => ({
      match: writeMatch(match),
      ...settings,
    }));
    return { ...super.getConfig(), groups: groups as never };
  }

  /** @nocollapse */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const { groups } = config as unknown as {
      groups: (Settings & { match: WrittenMatch })[];
    };
    return new cls(
      readBase(OP, config),
      groups.map(({ match, ...settings }) => ({ match: readMatch(match), ...settings })),
    );
  }
}
tf.serialization.registerClass(GroupedOptimizer as never);

/**
 * An optimizer that multiplies the steps of some weights and decays some, by groups; the first group whose `match` is
 * in a weight's name counts, and without one nothing changes.
 *
 *     norm.optimizers.withGroups(tf.train.momentum(0.1, 0.9), [
 *       { match: /(bias|scale)[^/]*$/, lrMultiplier: 0.1, weightDecay: 5e-4 },
 *       { match: '', weightDecay: 5e-4 },
 *     ])
 *
 * Weight decay is that of SGD in the literature: `weightDecay` * weight is added to the gradient, before momentum and
 * before what adaptive optimizers divide by. `lrMultiplier` multiplies the gradient of SGD and momentum and, of other
 * optimizers, which do not mind the gradient's size, the step. The base makes the steps and keeps its state;
 * `setLearningRate` gives it another rate; multipliers stay. Models that are compiled with it are saved and loaded with their optimizer.
 *
 * Throws a `NormError` where `base` is no optimizer and for groups out of their domain.
 */
export function withGroups(base: Optimizer, groups: readonly WeightGroup[]): GroupedOptimizer {
  return new GroupedOptimizer(base, groups);
}

/** Options of {@link fixupGroups}. */
export interface FixupGroupsOptions {
  /** Of the scalars' steps. Default 0.1. */
  scalarLrMultiplier?: number;
  /** Default 1e-4. */
  weightDecay?: number;
  /** Whether the scalars decay too. Default true. */
  decayScalars?: boolean;
}

/**
 * The groups of Fixup's authors for {@link withGroups}: every weight whose own name has bias or scale in it, the
 * classifier's bias too, learns at a tenth of the rate; all weights decay.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321, and its code.
 */
export function fixupGroups(options?: FixupGroupsOptions): WeightGroup[] {
  const fail = opFail('fixupGroups');
  const {
    scalarLrMultiplier = 0.1,
    weightDecay = 1e-4,
    decayScalars = true,
  } = checkOptions(fail, options);
  return [
    {
      match: /(bias|scale)[^/]*$/,
      lrMultiplier: checkNumber(fail, 'scalarLrMultiplier', scalarLrMultiplier),
      weightDecay: decayScalars ? checkNumber(fail, 'weightDecay', weightDecay) : 0,
    },
    { match: '', weightDecay: checkNumber(fail, 'weightDecay', weightDecay) },
  ];
}
