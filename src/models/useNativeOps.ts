/** Gives the normalization and alpha dropout layers of an existing model our classes. */
import type { GraphModel, LayersModel } from '@tensorflow/tfjs-node';
import { checkEpsilon, checkFraction } from '../core/checks';
import { checkNoiseShape, checkRate } from '../core/dropout';
import { type Fail, opFail } from '../core/errors';
import { ALPHA, LAMBDA } from '../core/selu';
import { isGraphModel } from '../graph/nodes';
import { type NativeGraphReport, useNativeGraph } from '../graph/useNativeGraph';
import { BatchNormalization } from '../norms/batchNormalization';
import { AlphaDropout } from '../norms/dropoutLayers';
import { LayerNormalization } from '../norms/layerNormalization';
import { tf } from '../tensorflow';
import { checkModel, type KeptLayer, type Layer, layersOf, type ReplacedLayer } from './walk';

/** What {@link useNativeOps} did. */
export interface NativeOpsReport<M> {
  /** The model that was given. */
  model: M;
  replaced: ReplacedLayer[];
  /** Batch and layer normalization and alpha dropout layers that stay as they are. */
  kept: KeptLayer[];
}

/** The fields of tfjs's layers that the replacements look at. */
export type StockFields = Layer & {
  axis: number | number[];
  epsilon: number;
  momentum: number;
  rate: number;
  noiseShape?: number[];
};

/** Models from Python name the axis as a list of one. */
export const single = (axis: number | number[]) =>
  Array.isArray(axis) && axis.length === 1 ? axis[0]! : axis;

interface Replacement {
  stock: unknown;
  native: { prototype: object; className: string };
  /** Fields of the native class that the stock layer does not have, or has otherwise. */
  fields(layer: StockFields): object;
  /** Why this layer has to stay; may throw it. */
  refuse(layer: StockFields, fail: Fail): string | undefined;
}

const REPLACEMENTS: Record<string, Replacement> = {
  AlphaDropout: {
    stock: tf.layers.alphaDropout({ rate: 0.5, name: 'stock' }).constructor,
    native: AlphaDropout,
    fields: ({ noiseShape }) => ({
      noiseShape: noiseShape ?? null,
      seed: null,
      alpha: ALPHA,
      lambda: LAMBDA,
      mean: 0,
      variance: 1,
      drawnSeed: null,
      calls: 0,
    }),
    refuse: ({ rate, noiseShape }, fail) => {
      checkRate(fail, rate);
      checkNoiseShape(fail, noiseShape);
      return undefined;
    },
  },
  BatchNormalization: {
    stock: tf.layers.batchNormalization({ name: 'stock' }).constructor,
    native: BatchNormalization,
    fields: ({ axis }) => ({
      axis: single(axis),
      unbiased: false,
      virtualBatchSize: null,
      renorm: false,
      clipping: null,
      renormMomentum: 0.99,
    }),
    refuse: ({ axis, epsilon, momentum }, fail) => {
      if (Array.isArray(single(axis))) {
        return `its axes ${JSON.stringify(axis)} are several, of which tfjs uses the first only`;
      }
      checkEpsilon(fail, epsilon);
      checkFraction(fail, 'momentum', momentum);
    },
  },
  LayerNormalization: {
    stock: tf.layers.layerNormalization({ name: 'stock' }).constructor,
    native: LayerNormalization,
    // tfjs turns the axis into a list when it builds the layer.
    fields: ({ axis }) => ({
      axis: single(axis),
      betaConstraint: null,
      gammaConstraint: null,
    }),
    refuse: ({ axis, epsilon }, fail) => {
      checkEpsilon(fail, epsilon);
      // Before it is built, axes counted from both ends have no order yet.
      const list = Array.isArray(axis) ? axis : [axis];
      const mixed = list.some((one) => one < 0) && list.some((one) => one >= 0);
      return mixed || list.some((one, i) => i > 0 && one < list[i - 1]!)
        ? `its axes ${JSON.stringify(axis)} are not in ascending order, for which tfjs lays its weights out differently`
        : undefined;
    },
  },
};

/** Why the native ops cannot compute what this layer of tfjs's is asked for; undefined where they can. */
export function refusal(className: string, layer: Layer, caller: string): string | undefined {
  try {
    return REPLACEMENTS[className]!.refuse(layer as StockFields, opFail(caller));
  } catch (error) {
    return (error as Error).message;
  }
}

function reasonToKeep(layer: Layer, className: string): string | undefined {
  return layer.constructor === REPLACEMENTS[className]!.stock
    ? refusal(className, layer, 'useNativeOps')
    : 'it is not the layer class of the tfjs that this package uses';
}

/**
 * The layer object stays: its name, weights, nodes in the graph, and whoever holds it, an optimizer or another model,
 * stay right. Only its class changes, whose fields have the names of the stock class.
 */
function replace(layer: Layer, { native, fields }: Replacement): void {
  Object.assign(layer, fields(layer as StockFields));
  Object.setPrototypeOf(layer, native.prototype);
}

/**
 * Lets the batch and layer normalization and alpha dropout layers of a model run as native ops, in place. The model, its
 * layers, weights, names, optimizer and compilation stay; the layers become `NativeBatchNormalization`,
 * `NativeLayerNormalization` and `NativeAlphaDropout`, also in a saved model, which loads where this package is imported.
 * Works on Sequential and functional models, nested models, shared layers and wrappers. Calling it again changes nothing.
 *
 * Gradients of gradients, which stock layers composed of differentiable ops have, end at a native op: tfjs says that
 * `TfjsLayerNormGrad` has no gradient. Keep stock layers, or `TFJS_CUDA_NORM_DEVICE=composed`, for gradient penalties.
 *
 * Two differences in training: a batch normalization layer that is not trainable uses its moving statistics, as in
 * Keras; tfjs's own uses those of the batch. And alpha dropout gives what it drops the value -1.758, as the paper has it;
 * tfjs 4.22's own gives it +1.758, with which the mean of its output is 0.32 at rate 0.1, not 0.
 *
 * A graph model, as `tf.loadGraphModel` gives it, has no layers: there the nodes that compute a batch normalization with
 * given statistics, or a layer, group or instance normalization of moments, become one native op each, where they are
 * recognized; the report lists which, and why others stay.
 *
 * Throws a `TypeError` where `model` is neither.
 */
export function useNativeOps<M extends LayersModel>(model: M): NativeOpsReport<M>;
export function useNativeOps<M extends GraphModel>(model: M): NativeGraphReport<M>;
export function useNativeOps<M extends LayersModel | GraphModel>(
  model: M,
): NativeOpsReport<M> | NativeGraphReport<M> {
  if (isGraphModel(model)) return useNativeGraph(model);
  checkModel('useNativeOps', model);
  const report: NativeOpsReport<M> = { model, replaced: [], kept: [] };
  for (const { layer } of layersOf(model as LayersModel)) {
    const className = layer.getClassName();
    if (!Object.hasOwn(REPLACEMENTS, className)) continue;
    const replacement = REPLACEMENTS[className]!;
    const reason = reasonToKeep(layer, className);
    if (reason) {
      report.kept.push({ name: layer.name, className, reason });
    } else {
      replace(layer, replacement);
      report.replaced.push({ name: layer.name, from: className, to: replacement.native.className });
    }
  }
  return report;
}
