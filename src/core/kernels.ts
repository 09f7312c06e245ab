/**
 * Registers each op as a tfjs kernel: the native op where the library serves the backend, else composed of plain
 * tfjs ops. Inputs, outputs and attributes are those of the native declaration (native/norms/*_op.cc).
 */
import type {
  DataType,
  GradConfig,
  KernelBackend,
  KernelFunc,
  NamedTensorMap,
  Tensor,
  TensorInfo,
} from '@tensorflow/tfjs-node';
import { type NativeTensor, nativeLibrary } from '../native';
import { tf } from '../tensorflow';
import { deviceOn } from './device';

export type AttributeType = 'int' | 'float' | 'bool';
export type Attributes = Record<string, number | boolean>;
export type Inputs = Record<string, Tensor>;

export interface OpSpec {
  /** The name of the TensorFlow op and of the tfjs kernel. */
  name: string;
  inputs: string[];
  outputs: number;
  /** How many inputs and outputs are lists (listKernels.ts); the op's inputs are an array then. */
  lists?: { inputs: number; outputs: number };
  attributes: Record<string, AttributeType>;
  /** The op in plain tfjs ops: its outputs, in order. Runs inside a tidy. */
  composed(inputs: Inputs, attributes: Attributes): Tensor[];
}

interface NodeBackend extends KernelBackend {
  binding: { TF_ATTR_INT: number; TF_ATTR_FLOAT: number; TF_ATTR_BOOL: number };
  executeMultipleOutputs(
    op: string,
    attributes: { name: string; type: number; value: number | boolean }[],
    inputs: TensorInfo[],
    outputs: number,
  ): Tensor[];
}

interface CpuBackend extends KernelBackend {
  readSync(dataId: object): Float32Array;
  makeTensorInfo(shape: number[], dtype: DataType, values: Float32Array): TensorInfo;
}

const COMPOSED_ONLY = ['webgl', 'wasm', 'webgpu'];

type Run = (spec: OpSpec, inputs: Inputs, attributes: Attributes, backend: unknown) => TensorInfo[];

/** TensorFlow's status codes, by the names that direct calls of the addon use. */
const CODES: Record<string, string> = {
  3: 'INVALID_ARGUMENT',
  8: 'RESOURCE_EXHAUSTED',
  9: 'FAILED_PRECONDITION',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
};

/** tfjs-node gives a status as `Invalid TF_Status: 8` and a line `Message: ...`. */
function withCode(error: Error): Error {
  const [, status, message] =
    /^Invalid TF_Status: (\d+)\s+Message: (.*)$/s.exec(error.message) ?? [];
  if (status === undefined || message === undefined) return error;
  return Object.assign(new Error(message, { cause: error }), { code: CODES[status] ?? status });
}

/** The inputs in order. */
const orderedInputs = (spec: OpSpec, inputs: Inputs): Tensor[] =>
  spec.lists ? Object.values(inputs) : spec.inputs.map((name) => inputs[name]!);

/** The length of every list of a call with so many inputs. */
export function entriesOf({ inputs, lists }: OpSpec, count: number): number {
  return lists ? (count - (inputs.length - lists.inputs)) / lists.inputs : 1;
}

/** The value that an attribute of the op has where none is given, as the library declared it. */
const defaultOf = (op: string, attribute: string): number | undefined =>
  nativeLibrary?.description.ops
    .find(({ name }) => name === op)
    ?.attributes.find(({ name }) => name === attribute)?.default;

/** The attributes of each op, with their defaults. */
const declared = new Map<string, { name: string; type: AttributeType; default?: number }[]>();

/** Those whose values are not their defaults: each that is passed on takes tfjs-node and TensorFlow about a microsecond. */
function givenAttributes(spec: OpSpec, attributes: Attributes) {
  let known = declared.get(spec.name);
  if (!known) {
    known = Object.entries(spec.attributes).map(([name, type]) => ({
      name,
      type,
      default: defaultOf(spec.name, name),
    }));
    declared.set(spec.name, known);
  }
  // Float attributes are float32.
  return known.filter(
    ({ name, default: value }) =>
      value === undefined || Math.fround(Number(attributes[name])) !== Math.fround(value),
  );
}

const runNative: Run = (spec, inputs, attributes, backend) => {
  const { binding, executeMultipleOutputs } = backend as NodeBackend;
  const types = {
    int: binding.TF_ATTR_INT,
    float: binding.TF_ATTR_FLOAT,
    bool: binding.TF_ATTR_BOOL,
  };
  const list = givenAttributes(spec, attributes).map(({ name, type }) => ({
    name,
    type: types[type],
    value: attributes[name]!,
  }));
  const tensors = orderedInputs(spec, inputs);
  const entries = entriesOf(spec, tensors.length);
  if (spec.lists) list.push({ name: 'N', type: types.int, value: entries });
  const outputs = spec.outputs + (spec.lists?.outputs ?? 0) * (entries - 1);
  try {
    return executeMultipleOutputs.call(backend, spec.name, list, tensors, outputs);
  } catch (error) {
    throw withCode(error as Error);
  }
};

const runDirect: Run = (spec, inputs, attributes, backend) => {
  const { addon, description } = nativeLibrary!;
  const cpu = backend as CpuBackend;
  const read = ({ dataId, shape }: Tensor): NativeTensor => ({ data: cpu.readSync(dataId), shape });
  const device = description.kind === 'emulated' ? 'cuda' : 'host';
  const tensors = orderedInputs(spec, inputs).map(read);
  // As above: a gradient is given the attributes of the forward op, and takes its own.
  const own = Object.keys(spec.attributes).map((name) => [name, attributes[name]!] as const);
  const outputs = addon.run(spec.name, device, tensors, Object.fromEntries(own));
  return outputs.map(({ data, shape }) => cpu.makeTensorInfo(shape, 'float32', data));
};

const runComposed: Run = (spec, inputs, attributes) =>
  tf.tidy(() => spec.composed(inputs, attributes) as never) as Tensor[];

function runOn(backendName: string): Run {
  if (deviceOn(backendName) === 'composed') return runComposed;
  return backendName === 'cpu' ? runDirect : runNative;
}

/** Registers the op for every backend. A second copy of this package in the process keeps the first one's kernels. */
export function registerOp(spec: OpSpec): void {
  for (const backendName of ['tensorflow', 'cpu', ...COMPOSED_ONLY]) {
    if (tf.getKernel(spec.name, backendName)) continue;
    const run = runOn(backendName);
    const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
      run(spec, inputs as Inputs, attrs as Attributes, backend);
    tf.registerKernel({ kernelName: spec.name, backendName, kernelFunc });
  }
}

/** Runs the op on the current backend; differentiable where a gradient is registered. */
export function runOp(name: string, inputs: Inputs, attributes: Attributes): Tensor[] {
  return tf
    .engine()
    .runKernel(name, inputs as NamedTensorMap, attributes as never) as unknown as Tensor[];
}

export interface OpGradient {
  op: string;
  inputsToSave: string[];
  outputsToSave?: boolean[];
  /** The gradients by input, from the gradient of the first output and what was saved, inputs first. */
  gradient(dy: Tensor, saved: Tensor[], attributes: Attributes): Record<string, Tensor>;
}

export function registerOpGradient({
  op,
  inputsToSave,
  outputsToSave,
  gradient,
}: OpGradient): void {
  if (tf.getGradient(op)) return;
  const gradFunc: GradConfig['gradFunc'] = (dy, saved, attrs) => {
    const first = Array.isArray(dy) ? dy[0]! : dy;
    try {
      const grads = Object.entries(gradient(first, saved, attrs as unknown as Attributes));
      return Object.fromEntries(grads.map(([name, grad]) => [name, () => grad]));
    } catch (error) {
      // tfjs drops its tape without disposing what it kept when a gradient throws.
      for (const tensor of saved) if (!tensor.isDisposed) tensor.dispose();
      throw error;
    }
  };
  tf.registerGradient({ kernelName: op, inputsToSave, outputsToSave, gradFunc });
}
