/** Arguments that the layers share: their names, and tfjs's initializers, regularizers and constraints. */
import type { constraints, initializers, layers, regularizers } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import type { Fail } from './errors';

type StockArguments = NonNullable<Parameters<typeof layers.batchNormalization>[0]>;

/** The arguments of every tfjs layer: name, trainable, inputShape, batchInputShape, batchSize, dtype, weights. */
export type LayerArguments = NonNullable<ConstructorParameters<typeof layers.Layer>[0]>;

/** As getConfig gives it. */
interface Serialized {
  className: string;
  config: object;
}
export type InitializerArgument = StockArguments['gammaInitializer'] | Serialized;
export type RegularizerArgument = StockArguments['gammaRegularizer'] | Serialized | null;
export type ConstraintArgument = StockArguments['gammaConstraint'] | Serialized | null;

export type Initializer = ReturnType<typeof initializers.zeros>;
export type Regularizer = ReturnType<typeof regularizers.l1l2>;
export type Constraint = ReturnType<typeof constraints.maxNorm>;

const OF_EVERY_LAYER = [
  'inputShape',
  'batchInputShape',
  'batchSize',
  'dtype',
  'inputDType',
  'name',
  'trainable',
  'weights',
  // tfjs's loader adds it to every configuration.
  'customObjects',
];

/** Refuses names that are no argument of the layer, and data types other than float32. */
export function checkArguments(fail: Fail, args: object | undefined, own: readonly string[]): void {
  for (const [name, value] of Object.entries(args ?? {})) {
    if (!own.includes(name) && !OF_EVERY_LAYER.includes(name)) {
      fail(
        name,
        `is not an argument; there are ${[...own, ...OF_EVERY_LAYER.slice(0, -1)].join(', ')}`,
        value,
      );
    }
  }
  const { dtype } = (args ?? {}) as { dtype?: unknown };
  // Keras 3 writes a policy object.
  const type =
    (dtype as { config?: { name?: unknown } } | null)?.config?.name ?? dtype ?? 'float32';
  if (type !== 'float32') fail('dtype', "must be 'float32'", dtype);
}

/** A serialized argument of its own, because tfjs's deserializer writes into what it reads. */
function copied(value: unknown): unknown {
  const { className, config } = (value ?? {}) as Partial<Serialized>;
  return typeof className === 'string' && !('getConfig' in (value as object))
    ? { className, config: structuredClone(config ?? {}) }
    : value;
}

/** tfjs does not export its deserializers: a stock layer that is thrown away runs them. */
function throughStock<T>(
  fail: Fail,
  argument: string,
  field: keyof StockArguments,
  value: unknown,
): T {
  try {
    // The name keeps tfjs's counters of automatic names where they are.
    const stock = tf.layers.batchNormalization({ name: 'deserializer', [field]: copied(value) });
    return (stock as unknown as Record<string, T>)[field]!;
  } catch (cause) {
    return fail(argument, `is not one that tfjs knows (${(cause as Error).message})`, value, cause);
  }
}

export function toInitializer(
  fail: Fail,
  argument: string,
  value: InitializerArgument | undefined,
  fallback: InitializerArgument,
): Initializer {
  return throughStock(fail, argument, 'gammaInitializer', value ?? fallback);
}

export function toRegularizer(fail: Fail, argument: string, value: unknown): Regularizer | null {
  return value == null ? null : throughStock(fail, argument, 'gammaRegularizer', value);
}

export function toConstraint(fail: Fail, argument: string, value: unknown): Constraint | null {
  return value == null ? null : throughStock(fail, argument, 'gammaConstraint', value);
}

/** The configuration of an initializer, regularizer or constraint; null where there is none. */
export function serialize(value: Initializer | Regularizer | Constraint | null) {
  return value && { className: value.getClassName(), config: value.getConfig() };
}

/** How a weight starts, and what holds it. */
export interface WeightSettings {
  initializer: Initializer;
  regularizer: Regularizer | null;
  constraint: Constraint | null;
}

/** The names of a weight's three arguments. */
export function weightArguments(name: string): string[] {
  return ['Initializer', 'Regularizer', 'Constraint'].map((what) => `${name}${what}`);
}

/** The three arguments of a weight. */
export function toWeight(
  fail: Fail,
  args: object,
  name: string,
  fallback: InitializerArgument,
): WeightSettings {
  const [initializer, regularizer, constraint] = weightArguments(name) as [string, string, string];
  const given = args as Record<string, InitializerArgument | undefined>;
  return {
    initializer: toInitializer(fail, initializer, given[initializer], fallback),
    regularizer: toRegularizer(fail, regularizer, given[regularizer]),
    constraint: toConstraint(fail, constraint, given[constraint]),
  };
}

/** The configuration of a weight's three arguments. */
export function serializeWeight(name: string, weight: WeightSettings) {
  const [initializer, regularizer, constraint] = weightArguments(name) as [string, string, string];
  return {
    [initializer]: serialize(weight.initializer),
    [regularizer]: serialize(weight.regularizer),
    [constraint]: serialize(weight.constraint),
  };
}
