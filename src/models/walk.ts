/** The layers inside of a model, and giving a layer of a built model another class. */
import type { LayersModel, layers } from '@tensorflow/tfjs-node';

export type Layer = layers.Layer;

/** What a report says of a layer that has a new class. */
export interface ReplacedLayer {
  name: string;
  /** The class names before and after. */
  from: string;
  to: string;
}

/** What a report says of a layer that stays as it is. */
export interface KeptLayer {
  name: string;
  className: string;
  reason: string;
}

/** A layer, and the wrapper or model that it is in; undefined for the model that was asked for. */
export interface FoundLayer {
  layer: Layer;
  container?: Layer;
}

/** All layers directly inside a layer: of a model, and of a wrapper such as TimeDistributed. */
function inside(layer: Layer): Layer[] {
  const {
    layers: several,
    layer: one,
    forwardLayer,
    backwardLayer,
  } = layer as Layer & {
    layers?: Layer[];
    layer?: Layer;
    forwardLayer?: Layer;
    backwardLayer?: Layer;
  };
  return [
    ...(several ?? []),
    ...[one, forwardLayer, backwardLayer].filter((inner) => inner !== undefined),
  ];
}

/** The model and all layers in it, in nested models and in wrappers, each once; a container before what is in it. */
export function layersOf(model: LayersModel): FoundLayer[] {
  const found = new Map<Layer, FoundLayer>();
  const visit = (layer: Layer, container?: Layer): void => {
    if (found.has(layer)) return;
    found.set(layer, { layer, container });
    for (const inner of inside(layer)) visit(inner, layer);
  };
  visit(model);
  return [...found.values()];
}

/** Refuses what is not a layers model, of this tfjs or of another. */
export function checkModel(caller: string, model: unknown): void {
  if (!Array.isArray((model as Partial<LayersModel> | null | undefined)?.layers)) {
    throw new TypeError(`${caller}: model must be a tf.LayersModel, got ${String(model)}`);
  }
}

// What makes a layer the one that a graph, a model file or a user knows.
const IDENTITY = [
  'id',
  'name',
  'inboundNodes',
  'outboundNodes',
  'batchInputShape',
  'dtype',
  'initialWeights',
  '_refCount',
  '_callHook',
];

/**
 * Gives a layer the class, the fields and the weights of another one, which must not be used after that. The layer object
 * stays: its name, nodes in the graph, and whoever holds it, another model or a wrapper, stay right.
 */
export function become(layer: Layer, other: Layer): void {
  const own = Object.getOwnPropertyDescriptors(layer);
  for (const key of Reflect.ownKeys(layer)) Reflect.deleteProperty(layer, key);
  Object.defineProperties(layer, Object.getOwnPropertyDescriptors(other));
  for (const key of IDENTITY) {
    const descriptor = (own as Record<string, PropertyDescriptor>)[key];
    if (descriptor) Object.defineProperty(layer, key, descriptor);
    else Reflect.deleteProperty(layer, key);
  }
  Object.setPrototypeOf(layer, Object.getPrototypeOf(other));
}
