/** Networks of convolutions, dense layers and ReLU with analytic normalization. */
import type { LayersModel, Shape, SymbolicTensor, Tensor } from '@tensorflow/tfjs-node';
import { checkChoice, checkOptions } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { AnalyticNormConv2D, AnalyticNormDense, momentsAfter } from '../norms/analyticLayers';
import { propagated } from '../norms/analyticNorm';
import type { ReluMoments } from '../norms/gaussianRelu';
import { checkMoments, InputMoments, type InputMomentsArgs } from '../norms/inputMoments';
import { tf } from '../tensorflow';
import type { Layer } from './walk';

/** Options of {@link analyticNormalization}. */
export interface AnalyticNormalizationOptions {
  /** The mean of the input: one number for all channels, or one for each. Default 0. */
  inputMean?: InputMomentsArgs['mean'];
  /** Its variance, as inputMean. Default 1. */
  inputVariance?: InputMomentsArgs['variance'];
  /**
   * 'normalized': all normalized outputs have deviation 1 and mean 0, as after a batch normalization that is new; 'same':
   * scales and biases are such that the model predicts what it did. Default 'normalized'.
   */
  initial?: 'normalized' | 'same';
}

const EXPECTED =
  'must be a chain of Conv2D and Dense with ReLU, Flatten and average pooling between them, all with channels last';

/** The fields of stock layers that tfjs's types leave out. */
interface Fields {
  activation?: { getClassName(): string } | null;
  dataFormat?: string;
  dilationRate?: number[];
  maxValue?: number | null;
  padding?: string;
  poolSize?: number[];
}
interface GraphNode {
  inputTensors: SymbolicTensor[];
  inboundLayers: Layer[];
}

/** A layer of the chain, and the shape that it is given. */
interface Link {
  layer: Layer;
  inputShape: Shape;
}

/** A layer with a kernel, and what comes before it that has none. */
interface Stage extends Link {
  before: Layer[];
  /** Of how many values each of its inputs is the mean. */
  count: number;
  relu: boolean;
}

const fieldsOf = (layer: Layer) => layer as unknown as Fields;
const nameOf = (layer: Layer) => `${layer.name} (${layer.getClassName()})`;
const activationOf = (layer: Layer) => fieldsOf(layer).activation?.getClassName() ?? 'linear';

/** The layers from input to output, without the input's. */
function chainOf(fail: Fail, model: LayersModel): Link[] {
  if (model.inputs.length !== 1 || model.outputs.length !== 1) {
    fail('model', 'must have one input and one output', model.name);
  }
  const chain: Link[] = [];
  for (let tensor = model.outputs[0]!; ; ) {
    const layer = tensor.sourceLayer as Layer;
    const node = (layer as unknown as { inboundNodes: GraphNode[] }).inboundNodes[tensor.nodeIndex];
    if (node!.inboundLayers.length === 0) return chain;
    const [input, another] = node!.inputTensors;
    const again = chain.some((link) => link.layer === layer);
    if (another || again) fail('model', EXPECTED, again ? `${nameOf(layer)} twice` : nameOf(layer));
    chain.unshift({ layer, inputShape: input!.shape });
    tensor = input!;
  }
}

/** How many values are the mean that a layer gives; 1 for other layers; undefined where it is not known. */
function pooledBy({ layer, inputShape }: Link): number | undefined {
  const extents =
    layer.getClassName() === 'AveragePooling2D'
      ? fieldsOf(layer).poolSize!
      : layer.getClassName() === 'GlobalAveragePooling2D'
        ? inputShape.slice(1, 3)
        : [];
  const count = extents.reduce<number>((product, extent) => product * (extent ?? Number.NaN), 1);
  return count > 0 ? count : undefined;
}

/** The chain cut into its layers with kernels; `after`: what follows the last of them. */
function stagesOf(fail: Fail, chain: Link[]): { stages: Stage[]; after: Layer[] } {
  const stages: Stage[] = [];
  let before: Layer[] = [];
  let count = 1;
  /** A layer that must be the last of those that do anything. */
  let end: string | undefined;
  for (const link of chain) {
    const { layer } = link;
    const { dataFormat, dilationRate, padding, maxValue } = fieldsOf(layer);
    const refuse = (what = nameOf(layer)) => fail('model', EXPECTED, what);
    if (end) refuse(`${end} before ${nameOf(layer)}`);
    if (dataFormat === 'channelsFirst') refuse(`${nameOf(layer)} with channelsFirst`);
    const kind = layer.getClassName();
    const stage = stages.at(-1);
    if (kind === 'Conv2D' || kind === 'Dense') {
      if (dilationRate?.some((rate) => rate !== 1)) refuse(`${nameOf(layer)} with dilationRate`);
      if (kind === 'Dense' && link.inputShape.length !== 2) {
        refuse(`${nameOf(layer)} of rank ${link.inputShape.length}`);
      }
      const activation = activationOf(layer);
      const plain = activation === 'linear' || activation === 'relu';
      if (!plain) end = `${nameOf(layer)} with activation '${activation}'`;
      stages.push({ ...link, before, count, relu: activation === 'relu' });
      before = [];
      count = 1;
    } else if (kind === 'Flatten') {
      before.push(layer);
    } else if (kind === 'AveragePooling2D' || kind === 'GlobalAveragePooling2D') {
      if (padding === 'same') refuse(`${nameOf(layer)} with padding 'same'`);
      const pooled = pooledBy(link);
      if (pooled === undefined) return refuse(`${nameOf(layer)} of an input of unknown extent`);
      before.push(layer);
      count *= pooled;
    } else if (kind === 'ReLU' || (kind === 'Activation' && activationOf(layer) === 'relu')) {
      if (typeof maxValue === 'number') refuse(`${nameOf(layer)} with maxValue`);
      if (!stage) refuse(`${nameOf(layer)} before all layers with kernels`);
      if (count > 1) refuse(`${nameOf(layer)} after average pooling`);
      stage!.relu = true;
    } else if (kind === 'Activation' || kind === 'Softmax') {
      if (activationOf(layer) === 'linear' && kind === 'Activation') continue;
      end = nameOf(layer);
      before.push(layer);
    } else refuse();
  }
  if (stages.length === 0) fail('model', EXPECTED, 'none with a kernel');
  return { stages, after: before };
}

/** A layer without weights once more, for another model. */
function copyOf(layer: Layer): Layer {
  const type = layer.constructor as typeof tf.layers.Layer & {
    fromConfig(cls: unknown, config: unknown): Layer;
  };
  return type.fromConfig(type, layer.getConfig());
}

/** The layer with a kernel, normalized. */
function normalizedLayer({ layer, count, relu }: Stage): AnalyticNormConv2D | AnalyticNormDense {
  const config = layer.getConfig() as Record<string, unknown>;
  const pick = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [name, config[name]]));
  const args = {
    ...pick('name', 'trainable', 'kernelInitializer', 'kernelRegularizer', 'kernelConstraint'),
    ...pick('biasInitializer', 'biasRegularizer', 'biasConstraint'),
    activation: relu ? ('relu' as const) : ('linear' as const),
    inputCount: count,
  };
  return layer.getClassName() === 'Dense'
    ? new AnalyticNormDense({ ...args, ...pick('units') } as never)
    : new AnalyticNormConv2D({
        ...args,
        ...pick('filters', 'kernelSize', 'strides', 'padding'),
      } as never);
}

/** Kernel, scale and bias to begin with, for inputs of these moments. */
function initialWeights(
  { layer, count }: Stage,
  { mean, variance }: ReluMoments,
  initial: 'normalized' | 'same',
): [Tensor, Tensor, Tensor] {
  const [kernel, ownBias] = layer.getWeights() as [Tensor, Tensor | undefined];
  const outputs = [kernel.shape.at(-1)!];
  if (initial === 'normalized') return [kernel, tf.ones(outputs), tf.zeros(outputs)];
  const sums = propagated(kernel, { mean, variance: tf.div(variance, count) });
  return [kernel, tf.sqrt(sums.variance), ownBias ? tf.add(sums.mean, ownBias) : sums.mean];
}

/**
 * A network of convolutions, dense layers and ReLU once more, with analytic normalization: mean and variance of each channel
 * are propagated from the input's through all layers, and every convolution and dense layer is normalized by what follows for
 * its outputs, which no batch enters.
 *
 *     const normalized = norm.analyticNormalization(model, { inputMean: [0.49, 0.48, 0.45], inputVariance: [0.06, 0.06, 0.07] });
 *     normalized.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
 *
 * `model` is Sequential or functional, a chain of tfjs's Conv2D and Dense, both with activation 'linear' or 'relu', ReLU,
 * Flatten, AveragePooling2D without padding and GlobalAveragePooling2D, channels last; after the last kernel one other
 * activation may follow. It stays as it is. The new model has copies of its kernels, in layers `AnalyticNormConv2D` and
 * `AnalyticNormDense` of the same names, each with a learned scale and bias; it trains, saves and loads as any other.
 *
 * Throws a `NormError` that names the layer where one is of another kind, and for options out of their domain.
 *
 * Paper: Shekhovtsov & Flach, Normalization of Neural Networks using Analytic Variance Propagation, arXiv 1803.10560.
 */
export function analyticNormalization(
  model: LayersModel,
  given?: AnalyticNormalizationOptions,
): LayersModel {
  const fail = opFail('analyticNormalization');
  if (!(model instanceof tf.LayersModel)) return fail('model', 'must be a tf.LayersModel', model);
  if (!model.outputs?.length) return fail('model', 'must be built', model.name);
  const options = checkOptions(fail, given);
  const { inputMean = 0, inputVariance = 1, initial = 'normalized', ...others } = options;
  for (const [name, value] of Object.entries(others)) fail(name, 'is not an option', value);
  checkChoice(fail, 'initial', ['normalized', 'same'], initial);
  const { stages, after } = stagesOf(fail, chainOf(fail, model));
  const channels = model.inputs[0]!.shape.at(-1) ?? null;
  const mean = checkMoments(fail, 'inputMean', inputMean, -Infinity, channels);
  const variance = checkMoments(fail, 'inputVariance', inputVariance, 0, channels);

  const input = tf.input({ batchShape: model.inputs[0]!.shape, name: model.inputNames[0]! });
  const source = new InputMoments({ mean, variance });
  let tensors = source.apply(input) as SymbolicTensor[];
  const through = (layers: Layer[], x: SymbolicTensor) =>
    layers.reduce((y, layer) => copyOf(layer).apply(y) as SymbolicTensor, x);
  tf.tidy(() => {
    const [, ...ofInput] = source.call(tf.zeros([1, input.shape.at(-1)!]), {});
    let moments: ReluMoments = { mean: ofInput[0]!, variance: ofInput[1]! };
    for (const stage of stages) {
      const layer = normalizedLayer(stage);
      const [x, ...known] = tensors as [SymbolicTensor, SymbolicTensor, SymbolicTensor];
      tensors = layer.apply([through(stage.before, x), ...known]) as SymbolicTensor[];
      const weights = initialWeights(stage, moments, initial);
      layer.setWeights(weights);
      moments = momentsAfter(layer.activation, weights[1], weights[2]);
    }
  });
  const last = stages.at(-1)!.layer;
  const activation = activationOf(last);
  const own = ['linear', 'relu'].includes(activation)
    ? []
    : [tf.layers.activation({ activation: activation as never, name: `${last.name}_activation` })];
  const outputs = through(
    after,
    own.reduce((y, layer) => layer.apply(y) as SymbolicTensor, tensors[0]!),
  );
  return tf.model({ inputs: input, outputs, name: model.name });
}
