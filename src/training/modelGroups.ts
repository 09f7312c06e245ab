/** The scaling groups of a model, found by following its channels from layer to layer. */
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-node';
import { checkChoice, checkOptions } from '../core/checks';
import { opFail } from '../core/errors';
import { tf } from '../tensorflow';
import { type Channels, channelsAfter } from './layerRules';
import type { ScalingGroup } from './scalingGroups';
import { Units } from './units';

/** Options of {@link buildScalingGroups}. */
export interface ScalingGroupsOptions {
  /**
   * 'absorb': gamma and beta are scaled in place of the weights before a batch normalization, which its own scale takes
   * nothing from; 'ignore': as if it were not there, which changes the function of the model. Default 'absorb'.
   */
  batchNorm?: 'absorb' | 'ignore';
}

/** A call of a layer in tfjs's graph. */
interface GraphNode {
  /** None for an input. */
  inboundLayers: layers.Layer[];
  inputTensors: SymbolicTensor[];
  outputTensors: SymbolicTensor[];
}

/** What is known of the tensors of a model in one call of it. */
type Frame = Map<number, Channels>;

const fail = opFail('equiNormalization');

class Walk {
  readonly units = new Units();

  constructor(private readonly ignoreBatchNorm: boolean) {}

  visit(tensor: SymbolicTensor, frame: Frame): Channels {
    const known = frame.get(tensor.id);
    if (known) return known;
    const layer = tensor.sourceLayer as layers.Layer;
    const nodes = (layer as unknown as { inboundNodes: GraphNode[] }).inboundNodes;
    const node = nodes[tensor.nodeIndex]!;
    const channels =
      node.inboundLayers.length === 0
        ? { units: null, by: [] }
        : this.call(
            layer,
            node,
            node.inputTensors.map((input) => this.visit(input, frame)),
            node.outputTensors.indexOf(tensor),
          );
    frame.set(tensor.id, channels);
    return channels;
  }

  private call(layer: layers.Layer, node: GraphNode, inputs: Channels[], output: number): Channels {
    if (layer instanceof tf.LayersModel) {
      const inner = layer as LayersModel;
      const frame: Frame = new Map(inner.inputs.map((input, i) => [input.id, inputs[i]!]));
      return this.visit(inner.outputs[output]!, frame);
    }
    return channelsAfter({
      layer,
      inputs,
      inputShapes: node.inputTensors.map(({ shape }) => shape),
      outputShape: node.outputTensors[0]!.shape,
      units: this.units,
      ignoreBatchNorm: this.ignoreBatchNorm,
      fail,
    });
  }
}

/**
 * The groups of hidden units of a model whose scale is free, for {@link EquiNormalization}: of Sequential and functional
 * models, models in models, and layers that are used more than once.
 *
 * Weights: dense layers, convolutions (transposed, depthwise and separable too), and gamma and beta of batch, group,
 * instance, layer, RMS and switchable normalization over the last axis, whose inputs keep their scale. Between them
 * may be ReLU, LeakyReLU, PReLU, pooling, padding, dropout, flatten, and sums and concatenations of several tensors;
 * tensors that are added are in one group. Frozen weights keep their scale, and so do the units next to them. After the
 * last weights anything may follow.
 *
 * Throws a `NormError` that names the layer where one is not positively homogeneous and weights follow it, where one has
 * its channels first, and where the model has no hidden units.
 */
export function buildScalingGroups(
  model: LayersModel,
  given?: ScalingGroupsOptions,
): ScalingGroup[] {
  if (!(model instanceof tf.LayersModel)) return fail('model', 'must be a tf.LayersModel', model);
  if (!model.outputs?.length) return fail('model', 'must be built', model.name);
  const { batchNorm = 'absorb' } = checkOptions(fail, given);
  checkChoice(fail, 'batchNorm', ['absorb', 'ignore'], batchNorm);
  const walk = new Walk(batchNorm === 'ignore');
  const frame: Frame = new Map();
  const outputs = model.outputs.map((output) => walk.visit(output, frame));
  for (const { units } of outputs) walk.units.pin(units);
  const groups = walk.units.groups(new Set(outputs.flatMap(({ by }) => by)));
  return groups.length > 0
    ? groups
    : fail('model', 'must have hidden units between layers with weights', model.name);
}
