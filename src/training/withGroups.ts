/** Optimizers whose step sizes and weight decay differ by groups of weights, which tfjs has not. */
import type { Optimizer, serialization, Tensor, Variable } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { tf } from '../tensorflow';
import { setLearningRate } from './warmup';

/** Weights that are trained alike. */
export interface WeightGroup {
  /** In the weights' names, such as 'stage1_block1/bias1a': a text that is part of them, or a regular expression. */
  match: string | RegExp;
  /** What the step is multiplied with, 0 or more; with 0 the weights stay. Default 1. */
  lrMultiplier?: number;
  /** This times the weight is added to its gradient, 0 or more. Default 0. */
  weightDecay?: number;
}

type Gradients = Parameters<Optimizer['applyGradients']>[0];
type Named = { name: string; tensor: Tensor };
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
    if (typeof match !== 'string' && !(match instanceof RegExp)) {
      fail(of('match'), 'must be a string or a regular expression', match);
    }
    return {
      match,
      lrMultiplier: checkNumber(fail, of('lrMultiplier'), lrMultiplier),
      weightDecay: checkNumber(fail, of('weightDecay'), weightDecay),
    };
  });
}

/** tfjs makes camel case of all texts in an optimizer's configuration when it loads a model: underscores must not be there. */
const written = (text: string) => encodeURIComponent(text).replaceAll('_', '%5F');
const read = (text: string) => decodeURIComponent(text);

/** A new object each time: regular expressions with flag g keep where they were. */
const matches = (match: string | RegExp, name: string) =>
  typeof match === 'string' ? name.includes(match) : new RegExp(match).test(name);

/** Without the number that tfjs puts after the name of a weight that there is already, such as in a loaded model. */
const withoutNumber = (name: string) => name.replace(/_\d+$/, '');

/** All variables by name, as optimizers of tfjs find them. */
const variables = () =>
  (tf.engine() as unknown as { registeredVariables: Record<string, Variable> }).registeredVariables;

/** See {@link withGroups}. */
export class GroupedOptimizer extends tf.Optimizer {
  /** @nocollapse */
  static readonly className: string = 'GroupedOptimizer';
  readonly groups: readonly Required<WeightGroup>[];
  private readonly settings = new Map<string, Settings>();

  constructor(
    /** The optimizer that makes the steps. */
    readonly base: Optimizer,
    groups: readonly WeightGroup[],
  ) {
    super();
    const fail = opFail('withGroups');
    // tfjs's instanceof reads fields of what it is given.
    if (!base || !(base instanceof tf.Optimizer)) {
      fail('base', 'must be an optimizer of tfjs', base);
    }
    this.groups = checkGroups(fail, groups);
  }

  /** Those of the first group that matches. */
  settingsOf(name: string): Settings {
    let found = this.settings.get(name);
    if (!found) {
      const names = [name, withoutNumber(name)];
      const fits = ({ match }: WeightGroup) => names.some((one) => matches(match, one));
      found = this.groups.find(fits) ?? PLAIN;
      this.settings.set(name, found);
    }
    return found;
  }

  override applyGradients(given: Gradients): void {
    const named: Named[] = Array.isArray(given)
      ? (given as Named[])
      : Object.entries(given).map(([name, tensor]) => ({ name, tensor: tensor as Tensor }));
    const proportional = PROPORTIONAL.includes(this.base.getClassName());
    const made: Tensor[] = [];
    const before: { variable: Variable; value: Tensor; lrMultiplier: number }[] = [];
    const gradients = named.map(({ name, tensor }) => {
      const { lrMultiplier, weightDecay } = this.settingsOf(name);
      const plain = lrMultiplier === 1 && weightDecay === 0;
      if (plain || tensor == null) return { name, tensor };
      const variable = variables()[name]!;
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

  /** Gives the base another learning rate; multipliers stay. */
  setLearningRate(learningRate: number): void {
    setLearningRate(this.base, learningRate);
  }

  override get iterations(): number {
    return this.base.iterations;
  }

  override getWeights() {
    return this.base.getWeights();
  }

  override setWeights(weights: Parameters<Optimizer['setWeights']>[0]) {
    return this.base.setWeights(weights);
  }

  override dispose(): void {
    this.base.dispose();
  }

  override getConfig(): serialization.ConfigDict {
    const groups = this.groups.map(({ match, ...settings }) => ({
      match:
        typeof match === 'string'
          ? { text: written(match) }
          : { source: written(match.source), flags: match.flags },
      ...settings,
    }));
    const base = { className: this.base.getClassName(), config: this.base.getConfig() };
    return { base, groups } as unknown as serialization.ConfigDict;
  }

  /** @nocollapse */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const { base, groups } = config as unknown as {
      base: { className: string; config: serialization.ConfigDict };
      groups: { match: { text?: string; source?: string; flags?: string } }[];
    };
    const known = tf.serialization.SerializationMap.getMap().classNameMap[base.className];
    if (!known) return opFail('withGroups')('base', 'must be an optimizer of tfjs', base.className);
    const [type, from] = known;
    return new cls(
      from(type as never, base.config),
      groups.map(({ match: { text, source, flags }, ...settings }) => ({
        match: text === undefined ? new RegExp(read(source!), flags) : read(text),
        ...settings,
      })),
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
 * optimizers, which do not mind the gradient's size, the step. The base makes the steps and keeps its state; change its
 * learning rate there (`optimizer.base`). Models that are compiled with it are saved and loaded with their optimizer.
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
