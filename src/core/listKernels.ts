/**
 * Ops on lists of tensors: some of their inputs and outputs are any number of tensors, the same for all, which one
 * native call takes together. Inputs and outputs are grouped by the names of the declaration.
 */
import type { Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';
import {
  type Attributes,
  type AttributeType,
  entriesOf,
  type Inputs,
  type OpSpec,
  registerOp,
  runOp,
} from './kernels';

/** The tensors of each argument; one for an argument that is no list. */
export type Groups = Record<string, Tensor[]>;

export interface ListOpSpec {
  /** The name of the TensorFlow op and of the tfjs kernel. */
  name: string;
  inputs: string[];
  outputs: string[];
  /** The inputs and outputs that are lists. */
  lists: string[];
  attributes: Record<string, AttributeType>;
  /** The op in plain tfjs ops. Runs inside a tidy. */
  composed(inputs: Groups, attributes: Attributes): Groups;
}

interface Registered {
  list: ListOpSpec;
  flat: OpSpec;
  /** The length of the lists of the last call. */
  entries: number;
}

const specs = new Map<string, Registered>();

function grouped(names: string[], lists: string[], tensors: Tensor[], entries: number): Groups {
  let left = tensors;
  const next = (name: string) => {
    const count = lists.includes(name) ? entries : 1;
    const group = left.slice(0, count);
    left = left.slice(count);
    return group;
  };
  return Object.fromEntries(names.map((name) => [name, next(name)]));
}

const flattened = (names: string[], groups: Groups): Tensor[] =>
  names.flatMap((name) => groups[name]!);

/** Registers the op for every backend. */
export function registerListOp(list: ListOpSpec): void {
  const { name, inputs, outputs, lists, attributes } = list;
  const count = (names: string[]) => names.filter((one) => lists.includes(one)).length;
  const flat: OpSpec = {
    name,
    inputs,
    outputs: outputs.length,
    lists: { inputs: count(inputs), outputs: count(outputs) },
    attributes,
    composed(given, attrs) {
      const tensors = Object.values(given);
      const groups = grouped(inputs, lists, tensors, entriesOf(flat, tensors.length));
      return flattened(outputs, list.composed(groups, attrs));
    },
  };
  specs.set(name, { list, flat, entries: 1 });
  registerOp(flat);
}

/** Runs the op on the current backend; differentiable where a gradient is registered. */
export function runListOp(name: string, groups: Groups, attributes: Attributes): Groups {
  const spec = specs.get(name)!;
  const { list, flat } = spec;
  const tensors = flattened(list.inputs, groups);
  spec.entries = entriesOf(flat, tensors.length);
  const results = runOp(name, tensors as unknown as Inputs, attributes);
  return grouped(list.outputs, list.lists, results, spec.entries);
}

export interface ListOpGradient {
  op: string;
  /** The output, no list, that is saved for the gradient beside the inputs. */
  saved: string;
  /** The gradients by input, from those of the outputs, the inputs, and what was saved. */
  gradient(dys: Groups, inputs: Groups, saved: Tensor, attributes: Attributes): Groups;
}

export function registerListOpGradient({ op, saved, gradient }: ListOpGradient): void {
  if (tf.getGradient(op)) return;
  const spec = specs.get(op)!;
  const { inputs, outputs, lists } = spec.list;
  const singles = outputs.filter((name) => !lists.includes(name)).length;
  tf.registerGradient({
    kernelName: op,
    saveAllInputs: true,
    // By their places, which depend on the length of the lists of the call that tfjs is recording.
    get outputsToSave() {
      const length = (name: string) => (lists.includes(name) ? spec.entries : 1);
      return outputs.flatMap((name) => Array<boolean>(length(name)).fill(name === saved));
    },
    gradFunc(dy, kept, attrs) {
      const dys = dy as Tensor[];
      const entries = (dys.length - singles) / (outputs.length - singles);
      const of = (names: string[], tensors: Tensor[]) => grouped(names, lists, tensors, entries);
      try {
        const attributes = attrs as unknown as Attributes;
        const grads = gradient(of(outputs, dys), of(inputs, kept), kept.at(-1)!, attributes);
        const all = flattened(inputs, grads).map((grad, i) => [i, () => grad] as const);
        return Object.fromEntries(all);
      } catch (error) {
        // tfjs drops its tape without disposing what it kept when a gradient throws.
        for (const tensor of kept) if (!tensor.isDisposed) tensor.dispose();
        throw error;
      }
    },
  });
}
