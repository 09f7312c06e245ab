/** Optimizers that do something to gradients or steps and leave the rest to another optimizer. */
import type { Optimizer, serialization, Tensor, Variable } from '@tensorflow/tfjs-node';
import { type Fail, opFail } from '../core/errors';
import { tf } from '../tensorflow';
import { setLearningRate } from './warmup';

export type Gradients = Parameters<Optimizer['applyGradients']>[0];

/** The gradient of a weight; null where there is none. */
export interface NamedGradient {
  name: string;
  tensor: Tensor | null;
}

/** What optimizers of tfjs are called with, as a list. */
export function namedGradients(given: Gradients): NamedGradient[] {
  return Array.isArray(given)
    ? (given as NamedGradient[])
    : Object.entries(given).map(([name, tensor]) => ({ name, tensor: tensor as Tensor | null }));
}

/** By its name, as optimizers of tfjs find it. */
export function variableNamed(name: string): Variable {
  const { registeredVariables } = tf.engine() as unknown as {
    registeredVariables: Record<string, Variable>;
  };
  return registeredVariables[name]!;
}

/** The weights that a wrapper means: a text that is part of their names, or a regular expression. */
export type NameMatch = string | RegExp;

export function checkMatch(fail: Fail, argument: string, match: unknown): NameMatch {
  return typeof match === 'string' || match instanceof RegExp
    ? match
    : fail(argument, 'must be a string or a regular expression', match);
}

/** By a new object each time: regular expressions with flag g keep where they were. */
const fits = (match: NameMatch, name: string): boolean =>
  typeof match === 'string' ? name.includes(match) : new RegExp(match).test(name);

/** Without the number that tfjs puts after the name of a weight that there is already, such as in a loaded model. */
const withoutNumber = (name: string) => name.replace(/_\d+$/, '');

/** Whether it is in the weight's name, or in what that name was before tfjs made it unique. */
export const matches = (match: NameMatch, name: string): boolean =>
  fits(match, name) || fits(match, withoutNumber(name));

/** tfjs makes camel case of all texts in an optimizer's configuration when it loads a model: underscores must not be there. */
const written = (text: string) => encodeURIComponent(text).replaceAll('_', '%5F');

/** A match in a configuration. */
export type WrittenMatch = { text: string } | { source: string; flags: string };

export const writeMatch = (match: NameMatch): WrittenMatch =>
  typeof match === 'string'
    ? { text: written(match) }
    : { source: written(match.source), flags: match.flags };

export const readMatch = (match: WrittenMatch): NameMatch =>
  'text' in match
    ? decodeURIComponent(match.text)
    : new RegExp(decodeURIComponent(match.source), match.flags);

/** The base makes the steps and keeps its state; it is saved and loaded with the wrapper. */
export abstract class WrappedOptimizer extends tf.Optimizer {
  /** By the class: to that of tfjs, whatever has an optimizer's methods is one of all its classes. */
  static override readonly [Symbol.hasInstance] = Function.prototype[Symbol.hasInstance];

  constructor(
    /** The optimizer that makes the steps. */
    readonly base: Optimizer,
    fail: Fail,
  ) {
    super();
    // tfjs's instanceof reads fields of what it is given.
    if (!base || !(base instanceof tf.Optimizer)) {
      fail('base', 'must be an optimizer of tfjs', base);
    }
  }

  /** Gives the base another learning rate. */
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
    return { base: { className: this.base.getClassName(), config: this.base.getConfig() } };
  }
}

/** The base in a configuration. */
export function readBase(op: string, config: serialization.ConfigDict): Optimizer {
  const { className, config: own } = config.base as unknown as {
    className: string;
    config: serialization.ConfigDict;
  };
  const known = tf.serialization.SerializationMap.getMap().classNameMap[className];
  if (!known) return opFail(op)('base', 'must be an optimizer of tfjs', className);
  const [type, from] = known;
  return from(type as never, own) as unknown as Optimizer;
}
