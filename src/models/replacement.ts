/** A layer of another kind for one of a built model: its arguments, its weights, and what it takes over. */
import type { Shape, Tensor } from '@tensorflow/tfjs-node';
import { NormError, opFail } from '../core/errors';
import * as layers from '../norms/layers';
import { tf } from '../tensorflow';
import type { FoundLayer, Layer } from './walk';

type Arguments = Record<string, unknown>;
type Make = (args: Arguments) => Layer;
type Weight = Layer['trainableWeights'][number];
/** The parts of tfjs's own layer that its types leave out. */
type Inner = Layer & {
  _trainableWeights: Weight[];
  inboundNodes: { inputShapes: Shape[]; outputShapes: Shape[]; inputTensors: unknown[] }[];
};

const fail = opFail('replaceNormalization');

/** What a layer takes over where both kinds have the argument and the caller gives none. */
const CARRIED = [
  'axis',
  'center',
  'scale',
  'betaRegularizer',
  'gammaRegularizer',
  'betaConstraint',
  'gammaConstraint',
];

/** What belongs to each layer of the model. */
const OF_ONE_LAYER = ['name', 'inputShape', 'batchInputShape', 'batchSize', 'dtype', 'weights'];

/** The layer of this package by its class name in model files, by its class or by the function that makes it. */
export function makerOf(to: string): Make {
  const members = layers as unknown as Record<string, unknown>;
  for (const [name, member] of Object.entries(members)) {
    if (typeof member !== 'function') continue;
    const { className } = member as { className?: string };
    if (className !== undefined && [className, name].includes(to)) {
      return (args) => new (member as unknown as new (args: Arguments) => Layer)(args);
    }
    if (className === undefined && name === to) return member as Make;
  }
  const classes = Object.values(members).flatMap((member) => {
    const { className } = member as { className?: string };
    return className ?? [];
  });
  return fail('to', `must be a layer of this package (${classes.join(', ')}) or a function`, to);
}

/** The configuration with the arguments that hold for every layer, which the constructor checks; functions of the channels aside. */
export function commonConfig(make: Make, args: Arguments): Arguments {
  for (const name of OF_ONE_LAYER) {
    if (name in args) fail(name, 'belongs to each replaced layer and cannot be given', args[name]);
  }
  const fixed = Object.entries(args).filter(([, value]) => typeof value !== 'function');
  return make({ ...Object.fromEntries(fixed), name: 'arguments' }).getConfig();
}

/** Models from Python name the axis as a list of one, and tfjs makes one of it. */
const single = (axis: unknown) => (Array.isArray(axis) && axis.length === 1 ? axis[0] : axis);

function channelsOf(shape: Shape, axis: unknown): number {
  const channels = Number.isInteger(axis) ? shape.at(axis as number) : undefined;
  return channels ?? fail('axis', 'must name an axis whose extent is known', axis);
}

/** The arguments for one layer: the caller's, then the layer's own of those that are known, then defaults. */
export function argumentsFor(
  known: Arguments,
  args: Arguments,
  layer: Layer,
  shape: Shape,
): Arguments {
  const own = { ...layer.getConfig(), axis: single(layer.getConfig().axis) } as Arguments;
  const carried = CARRIED.filter((name) => name in known && own[name] !== undefined);
  const all: Arguments = {
    ...Object.fromEntries(carried.map((name) => [name, own[name]])),
    trainable: layer.trainable,
    ...args,
  };
  const channels = () => channelsOf(shape, all.axis ?? -1);
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [
      name,
      typeof value === 'function' ? value(channels(), layer) : value,
    ]),
  );
}

/** The shape of the inputs, or why it is not known. */
export function inputShapeOf({ layer, container }: FoundLayer): Shape | string {
  const [node] = (layer as Inner).inboundNodes;
  if (node) return node.inputShapes[0]!;
  if (!layer.built) return 'it is not built';
  // Wrappers build what is in them without a call. TimeDistributed takes the time steps off.
  const [outer] = (container as Inner | undefined)?.inboundNodes ?? [];
  if (container?.getClassName() === 'TimeDistributed' && outer) {
    const [batch, , ...rest] = outer.inputShapes[0]!;
    return [batch!, ...rest];
  }
  return `the shape of its inputs in ${container?.name} is not known`;
}

const nameOf = ({ originalName }: Weight) => originalName.slice(originalName.lastIndexOf('/') + 1);
const scopeOf = ({ originalName }: Weight) =>
  originalName.slice(0, originalName.lastIndexOf('/') + 1);

/** Gives the weights the names that they would have in the old layer's place, for model files. */
function rename(next: Layer, old: Layer): void {
  const [first] = old.weights;
  if (!first) return;
  for (const weight of next.weights) {
    (weight as { originalName: string }).originalName = scopeOf(first) + nameOf(weight);
  }
}

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Copies what both kinds have: gamma, beta and both moving statistics. What the caller gives an initializer for stays as
 * it initializes it, and so does a gamma that does not start at one (of a residual branch that starts at zero).
 */
function copyWeights(next: Layer, old: Layer, args: Arguments): void {
  const [from, to] = [old, next].map(
    ({ weights }) => new Map(weights.map((weight) => [nameOf(weight), weight])),
  ) as [Map<string, Weight>, Map<string, Weight>];
  const { gammaInitializer } = next.getConfig() as { gammaInitializer?: { className: string } };
  const pairs = [
    ...(gammaInitializer && gammaInitializer.className !== 'Ones' ? [] : [['gamma']]),
    ['beta'],
    ['moving_mean', 'moving_variance'],
  ];
  for (const names of pairs) {
    const fits = names.every((name) => {
      const [source, target] = [from.get(name), to.get(name)];
      return (
        source &&
        target &&
        `${source.shape}` === `${target.shape}` &&
        args[`${camel(name)}Initializer`] === undefined
      );
    });
    if (!fits) continue;
    for (const name of names) tf.tidy(() => void to.get(name)!.write(from.get(name)!.read()));
  }
}

/** A model that is made untrainable marks the weights of its layers, not the layers. */
function freezeAs(next: Layer, old: Layer): void {
  const own = (old as Inner)._trainableWeights;
  if (own.length === 0 || own.some(({ trainable }) => trainable)) return;
  for (const weight of (next as Inner)._trainableWeights) weight.trainable = false;
}

export function disposeWeights(layer: Layer): void {
  for (const weight of layer.weights) weight.dispose();
}

/** Builds the new layer for the old one's inputs and gives it what it takes over; the old one is only read. */
export function prepare(next: Layer, old: Layer, shape: Shape, args: Arguments): void {
  const fresh = next as Inner;
  if (fresh.built || fresh.inboundNodes.length > 0) {
    throw new Error('the layer for it must be a new one, got one that is in use');
  }
  next.name = old.name;
  try {
    next.apply(tf.input({ batchShape: shape, name: 'replacement' }));
    for (const { inputTensors, outputShapes } of (old as Inner).inboundNodes) {
      (next as unknown as { assertInputCompatibility(of: unknown): void }).assertInputCompatibility(
        inputTensors,
      );
      const output = next.computeOutputShape((inputTensors as Tensor[]).map((x) => x.shape));
      if (`${output}` !== `${outputShapes[0]}`) {
        throw new Error(`its outputs must keep the shape [${outputShapes[0]}], got [${output}]`);
      }
    }
    rename(next, old);
    copyWeights(next, old, args);
    freezeAs(next, old);
  } catch (error) {
    disposeWeights(next);
    throw error;
  }
}

/** An error about one layer of the model, in the words of the layer that was to replace it. */
export function failFor({ name }: Layer, shape: Shape, cause: unknown): never {
  const { message, argument, expected, received } = cause as Partial<NormError>;
  throw new NormError(
    `replaceNormalization: layer '${name}' with inputs [${shape.map(String)}]: ${message}`,
    'replaceNormalization',
    argument ?? 'to',
    expected ?? 'must be a layer that fits',
    received,
    { cause },
  );
}
