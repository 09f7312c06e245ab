/** Swaps the kinds of normalization layers inside of an existing model. */
import type { LayersModel, Shape } from '@tensorflow/tfjs-node';
import { opFail } from '../core/errors';
import * as own from '../norms/layers';
import { tf } from '../tensorflow';
import { recollectWeights } from './compiled';
import {
  argumentsFor,
  commonConfig,
  disposeWeights,
  failFor,
  inputShapeOf,
  makerOf,
  prepare,
} from './replacement';
import {
  become,
  checkModel,
  type FoundLayer,
  type KeptLayer,
  type Layer,
  layersOf,
  type ReplacedLayer,
} from './walk';

/** Options of {@link replaceNormalization}; all but `from` and `to` are arguments of the new layers. */
export interface ReplaceNormalizationOptions {
  /**
   * The class names of the layers to replace. 'BatchNormalization' and 'LayerNormalization' mean tfjs's layers and ours
   * alike.
   */
  from: string | readonly string[];
  /**
   * A layer of `norm.layers` by its class name or by the function that makes it ('GroupNormalization',
   * 'groupNormalization'), or a function that makes a new layer, or undefined for one to keep.
   */
  to: string | ((layer: Layer, inputShape: Shape) => Layer | undefined);
  /** An argument of the new layers, or a function of the channels (and the old layer) that gives it. */
  [argument: string]: unknown;
}

/** What {@link replaceNormalization} did. */
export interface ReplaceNormalizationReport<M> {
  /** The model that was given. */
  model: M;
  replaced: ReplacedLayer[];
  /** Layers that `from` names but that stay as they are. */
  kept: KeptLayer[];
}

const fail = opFail('replaceNormalization');

/** The name in model files without what tells our classes and TF-Addons' from stock ones. */
const kindOf = (className: string) => className.replace(/^(Native|Addons>)/, '');

function checkFrom(from: unknown, found: FoundLayer[]): string[] {
  const names = Array.isArray(from) ? from : [from];
  if (names.length === 0 || !names.every((name) => typeof name === 'string')) {
    return fail('from', 'must be a class name or a list of class names', from);
  }
  const known = new Set([
    'BatchNormalization',
    'LayerNormalization',
    ...Object.values(own).flatMap((member) => ('className' in member ? member.className : [])),
    ...found.map(({ layer }) => layer.getClassName()),
  ]);
  for (const name of names) {
    if (!known.has(name)) {
      fail('from', 'must name normalization layers, or classes of layers in the model', name);
    }
  }
  return names;
}

/** How the layers are made, from the options. */
function plannerOf({ from: _, to, ...args }: ReplaceNormalizationOptions) {
  if (typeof to === 'function') {
    const [name] = Object.keys(args);
    if (name) fail(name, 'cannot be given beside a function, which makes the layer', args[name]);
    return (layer: Layer, shape: Shape) => {
      const next: unknown = to(layer, shape);
      if (next === undefined || next instanceof tf.layers.Layer) return { next, args };
      throw new Error(`\`to\` must give a layer of this tfjs or undefined, got ${String(next)}`);
    };
  }
  if (typeof to !== 'string') return fail('to', 'must be a class name or a function', to);
  const make = makerOf(to);
  const known = commonConfig(make, args);
  return (layer: Layer, shape: Shape) => {
    const all = argumentsFor(known, args, layer, shape);
    return { next: make({ ...all, name: layer.name }), args };
  };
}

/**
 * Replaces the normalization layers of some kinds in a built model by layers of another kind, in place.
 *
 *     norm.replaceNormalization(model, { from: 'BatchNormalization', to: 'GroupNormalization', groups: 8 })
 *
 * The layer objects, their names and places in the graph stay; class, arguments and weights are new. `axis`, `center`,
 * `scale`, regularizers and constraints carry over unless they are given; epsilon and momentum do not. gamma and beta are
 * copied where both kinds have them in one shape, moving statistics where both kinds keep them, unless an initializer for
 * them is given; every other weight is initialized. What is not trainable stays so. Works on Sequential and functional
 * models, nested models, shared layers and TimeDistributed. A compiled model stays compiled; its optimizer keeps its
 * settings and starts anew. Other models that share the layers have to be compiled again.
 *
 * All or nothing: where a new layer does not fit (groups that do not divide the channels), an error names the layer
 * before anything has changed. `groups: (channels) => number` chooses by layer.
 *
 * Throws a `TypeError` where `model` is not a tfjs layers model, and a `NormError` for options and layers that do not fit.
 */
export function replaceNormalization<M extends LayersModel>(
  model: M,
  options: ReplaceNormalizationOptions,
): ReplaceNormalizationReport<M> {
  checkModel('replaceNormalization', model);
  const found = layersOf(model);
  const names = checkFrom(options?.from, found);
  const plan = plannerOf(options);
  const report: ReplaceNormalizationReport<M> = { model, replaced: [], kept: [] };
  const pairs: { layer: Layer; next: Layer }[] = [];
  try {
    for (const one of found) {
      const { layer } = one;
      const className = layer.getClassName();
      if (!names.includes(className) && !names.includes(kindOf(className))) continue;
      const keep = (reason: string) => report.kept.push({ name: layer.name, className, reason });
      if (!(layer instanceof tf.layers.Layer)) {
        keep('it is not a layer of the tfjs that this package uses');
        continue;
      }
      const shape = inputShapeOf(one);
      if (typeof shape === 'string') {
        keep(shape);
        continue;
      }
      try {
        const { next, args } = plan(layer, shape);
        if (!next) {
          keep('`to` gave no layer for it');
          continue;
        }
        prepare(next, layer, shape, args);
        pairs.push({ layer, next });
      } catch (error) {
        failFor(layer, shape, error);
      }
    }
  } catch (error) {
    for (const { next } of pairs) disposeWeights(next);
    throw error;
  }
  for (const { layer, next } of pairs) {
    const [from, { weights }] = [layer.getClassName(), layer];
    become(layer, next);
    for (const weight of weights) weight.dispose();
    report.replaced.push({ name: layer.name, from, to: layer.getClassName() });
  }
  if (pairs.length > 0) recollectWeights(found);
  return report;
}
