/** What each kind of layer does to the scale of its inputs' channels. */
import type { layers, Shape, Variable } from '@tensorflow/tfjs-node';
import type { Fail } from '../core/errors';
import type { Units } from './units';

/** What is known of a tensor in the model. */
export interface Channels {
  /** The unit of each entry of the last axis; null where all of them are as they are. */
  units: number[] | null;
  /** The first layer on the way that would not give scaled outputs for scaled inputs. */
  after?: string | undefined;
  /** The weights that it comes from, by the shortest way. */
  by: readonly Variable[];
}

/** A call of a layer in the model. */
export interface LayerCall {
  layer: layers.Layer;
  inputs: Channels[];
  inputShapes: Shape[];
  outputShape: Shape;
  units: Units;
  ignoreBatchNorm: boolean;
  fail: Fail;
}

type Rule = (call: LayerCall) => Channels;
type LayerVariable = { trainable: boolean; read(): unknown };

/** The fields of layers that tfjs's types leave out. */
interface Fields {
  kernel?: LayerVariable;
  depthwiseKernel?: LayerVariable;
  pointwiseKernel?: LayerVariable;
  bias?: LayerVariable | null;
  gamma?: LayerVariable;
  beta?: LayerVariable;
  activation?: { getClassName(): string } | null;
  axis?: number | number[];
  dataFormat?: string;
  depthMultiplier?: number;
  maxValue?: number | null;
}

const fieldsOf = ({ layer }: LayerCall) => layer as unknown as Fields;
const variableOf = (weight: LayerVariable) => weight.read() as Variable;
const nameOf = ({ layer }: LayerCall) => `${layer.name} (${layer.getClassName()})`;
const isFrozen = ({ layer }: LayerCall, weight: LayerVariable) =>
  !layer.trainable || !weight.trainable;
const lastOf = (shape: Shape) => shape.at(-1) ?? 0;

function refuse(call: LayerCall, expected: string, what: string): never {
  return call.fail('model', expected, what);
}

/** A function of which nothing is known but that it is one: its inputs stay as they are, and no weights may follow. */
function anyFunction(call: LayerCall, what = nameOf(call)): Channels {
  const free = call.inputs.some(({ units }) => units);
  for (const { units } of call.inputs) call.units.pin(units);
  return {
    units: null,
    after: call.inputs.find(({ after }) => after)?.after ?? (free ? what : undefined),
    by: call.inputs.flatMap(({ by }) => by),
  };
}

const withInput = (call: LayerCall, input: Channels): LayerCall => ({ ...call, inputs: [input] });

function activated(call: LayerCall, input: Channels): Channels {
  const name = fieldsOf(call).activation?.getClassName() ?? 'linear';
  if (name === 'linear' || name === 'relu') return input;
  return anyFunction(withInput(call, input), `${nameOf(call)} with activation '${name}'`);
}

const passes: Rule = (call) => {
  const [input] = call.inputs as [Channels];
  return input.units && fieldsOf(call).dataFormat === 'channelsFirst' ? anyFunction(call) : input;
};

function checkBefore(call: LayerCall): void {
  const after = call.inputs.find((input) => input.after)?.after;
  if (!after) return;
  refuse(
    call,
    'must be positively homogeneous between its weights',
    `${after} before ${nameOf(call)}`,
  );
}

function checkLast(call: LayerCall): void {
  if (fieldsOf(call).dataFormat === 'channelsFirst') {
    refuse(call, 'must have its channels last', `${nameOf(call)} with channelsFirst`);
  }
}

/** A matrix product or convolution: axes of the kernel counted from its end. */
function linear(
  call: LayerCall,
  weight: LayerVariable,
  axes: { input: number; output: number },
): Channels {
  checkLast(call);
  checkBefore(call);
  const { inputs, units } = call;
  const { bias } = fieldsOf(call);
  const kernel = variableOf(weight);
  if (isFrozen(call, weight)) {
    units.pin(inputs[0]!.units);
    return activated(call, { units: null, by: [kernel] });
  }
  units.assign(kernel, kernel.rank + axes.input, 'consumer', inputs[0]!.units);
  const outputs = units.assign(kernel, kernel.rank + axes.output, 'producer');
  if (bias) units.assign(variableOf(bias), 0, 'bias', outputs);
  return activated(call, { units: outputs, by: [kernel] });
}

const dense: Rule = (call) => linear(call, fieldsOf(call).kernel!, { input: -2, output: -1 });

const transposed: Rule = (call) => linear(call, fieldsOf(call).kernel!, { input: -1, output: -2 });

/** Each channel has kernels of its own, which need not change: its outputs have the scale of its input. */
function eachChannel(call: LayerCall): Channels {
  checkLast(call);
  checkBefore(call);
  const { depthMultiplier = 1 } = fieldsOf(call);
  const [{ units, by }] = call.inputs as [Channels];
  const repeated = units?.flatMap((unit) => Array<number>(depthMultiplier).fill(unit)) ?? null;
  return { units: repeated, by };
}

const depthwise: Rule = (call) => {
  const { bias, depthwiseKernel } = fieldsOf(call);
  const channels = eachChannel(call);
  if (bias) {
    if (isFrozen(call, bias)) call.units.pin(channels.units);
    else call.units.assign(variableOf(bias), 0, 'bias', channels.units);
  }
  return activated(call, { ...channels, by: [variableOf(depthwiseKernel!)] });
};

const separable: Rule = (call) =>
  linear(withInput(call, eachChannel(call)), fieldsOf(call).pointwiseKernel!, {
    input: -2,
    output: -1,
  });

/** Normalizes, which takes any scale away, then multiplies with gamma and adds beta: these are the scale of its outputs. */
const affineNorm: Rule = (call) => {
  const { gamma, beta, axis } = fieldsOf(call);
  const rank = call.inputShapes[0]!.length;
  const axes = [axis ?? -1].flat().map((one) => (one < 0 ? one + rank : one));
  if (axes.length > 1 || axes[0] !== rank - 1) return anyFunction(call);
  checkBefore(call);
  const { units, inputs } = call;
  units.pin(inputs[0]!.units);
  const { by } = inputs[0]!;
  if (!gamma || isFrozen(call, gamma)) return { units: null, by };
  const outputs = units.assign(variableOf(gamma), 0, 'producer');
  if (beta) units.assign(variableOf(beta), 0, 'bias', outputs);
  return { units: outputs, by };
};

const batchNorm: Rule = (call) => (call.ignoreBatchNorm ? passes : affineNorm)(call);

/** Element by element from tensors of one shape, all in one scale. */
const together: Rule = (call) => {
  const { inputs, inputShapes, units } = call;
  if (inputShapes.some((shape) => `${shape}` !== `${inputShapes[0]}`)) return anyFunction(call);
  const after = inputs.find((input) => input.after)?.after;
  const by = inputs.flatMap((input) => input.by);
  if (inputs.some((input) => !input.units)) {
    for (const input of inputs) units.pin(input.units);
    return { units: null, after, by };
  }
  for (const input of inputs) units.joinAll(input.units!, inputs[0]!.units!);
  return { units: inputs[0]!.units, after, by };
};

const concatenate: Rule = (call) => {
  const { inputs, inputShapes } = call;
  const rank = inputShapes[0]!.length;
  const axis = (fieldsOf(call).axis as number) ?? -1;
  if (axis !== -1 && axis !== rank - 1) {
    const same = inputShapes.every((shape) => lastOf(shape) === lastOf(inputShapes[0]!));
    // Their channels are the same; other extents may differ.
    return same
      ? together({ ...call, inputShapes: inputs.map(() => [lastOf(inputShapes[0]!)]) })
      : anyFunction(call);
  }
  if (inputs.every(({ units }) => !units)) return anyFunction(call);
  // 0 is the unit that stays.
  const parts = inputs.map(
    ({ units }, i) => units ?? Array<number>(lastOf(inputShapes[i]!)).fill(0),
  );
  return {
    units: parts.flat(),
    after: inputs.find((input) => input.after)?.after,
    by: inputs.flatMap((input) => input.by),
  };
};

/** Rows of whole pixels, for channels are last. */
const reshaped: Rule = (call) => {
  const [input] = call.inputs as [Channels];
  if (!input.units) return anyFunction(call);
  const [channels, last] = [input.units.length, lastOf(call.outputShape)];
  if (fieldsOf(call).dataFormat === 'channelsFirst' || last === 0 || last % channels !== 0) {
    return anyFunction(call);
  }
  const units = Array.from({ length: last }, (_, i) => input.units![i % channels]!);
  return { ...input, units };
};

const relu: Rule = (call) =>
  typeof fieldsOf(call).maxValue === 'number'
    ? anyFunction(call, `${nameOf(call)} with maxValue`)
    : passes(call);

const activation: Rule = (call) => activated(call, call.inputs[0]!);

const named = (rule: Rule, names: string) =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

const RULES: Record<string, Rule | undefined> = {
  ...named(dense, 'Dense Conv1D Conv2D Conv3D'),
  ...named(transposed, 'Conv2DTranspose Conv3DTranspose'),
  ...named(depthwise, 'DepthwiseConv2D'),
  ...named(separable, 'SeparableConv2D'),
  ...named(batchNorm, 'BatchNormalization NativeBatchNormalization'),
  ...named(
    affineNorm,
    'GroupNormalization Addons>GroupNormalization InstanceNormalization Addons>InstanceNormalization ' +
      'LayerNormalization NativeLayerNormalization RMSNormalization SwitchableNormalization',
  ),
  ...named(together, 'Add Average Maximum Minimum'),
  ...named(concatenate, 'Concatenate'),
  ...named(reshaped, 'Flatten Reshape'),
  ...named(relu, 'ReLU'),
  ...named(activation, 'Activation'),
  ...named(
    passes,
    'LeakyReLU PReLU Dropout SpatialDropout1D GaussianDropout RepeatVector ZeroPadding2D Cropping2D UpSampling2D ' +
      'MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D ' +
      'GlobalMaxPooling1D GlobalMaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D',
  ),
};

/** What the layer gives. One of a kind that is not in the table is any function. */
export function channelsAfter(call: LayerCall): Channels {
  return (RULES[call.layer.getClassName()] ?? anyFunction)(call);
}
