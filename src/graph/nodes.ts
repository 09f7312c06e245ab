/** The graph of a graph model, as tfjs's converter keeps it; its types leave this out. */
import type { GraphModel, Tensor } from '@tensorflow/tfjs-node';
import { tf } from '../tensorflow';

export interface GraphNode {
  name: string;
  op: string;
  category?: string;
  /** `node`, or `node:output`. */
  inputNames: string[];
  inputs: GraphNode[];
  children: GraphNode[];
  inputParams: object;
  attrParams: Record<string, { value?: unknown } | undefined>;
  rawAttrs: Record<string, { b?: boolean; f?: number; s?: string } | undefined>;
  outputs?: string[];
}

export interface Graph {
  nodes: Record<string, GraphNode>;
  weights: GraphNode[];
  outputs: GraphNode[];
}

export interface Executor {
  graph: Graph;
  weightMap: Record<string, Tensor[]>;
  compiledMap: Map<string, unknown>;
  execute(inputs: object, outputs: string[]): Tensor[];
}

export function executorOf(model: unknown): Executor | undefined {
  const { executor } = (model ?? {}) as { executor?: Executor };
  return executor?.graph?.nodes && executor.compiledMap ? executor : undefined;
}

export const isGraphModel = (model: unknown): model is GraphModel =>
  model instanceof tf.GraphModel || executorOf(model) !== undefined;

/** Where a value comes from: the first output of a node, or a later one. */
export interface Source {
  node: GraphNode;
  /** The name that says which output. */
  name: string;
}

const ALIASES = ['Identity', 'StopGradient', 'Snapshot'];

/** The source of an input, past the nodes that pass it on. */
export function sourceOf(node: GraphNode, index: number): Source | undefined {
  const input = node.inputs[index];
  const name = node.inputNames[index];
  if (!input || name === undefined) return undefined;
  if (ALIASES.includes(input.op) && isFirst(name)) return sourceOf(input, 0) ?? undefined;
  return { node: input, name: isFirst(name) ? input.name : name };
}

const isFirst = (name: string) => !/:[1-9]\d*$/.test(name);

/** The node that is the source of an input; undefined for a later output than the first. */
export function inputOf(node: GraphNode, index: number): GraphNode | undefined {
  const source = sourceOf(node, index);
  return source?.name === source?.node.name ? source?.node : undefined;
}

/** A boolean attribute, by its name in TensorFlow. */
export const flag = (node: GraphNode, name: string): boolean => node.rawAttrs[name]?.b === true;

/** A string attribute, which model files keep in base 64. */
export function text(node: GraphNode, name: string): string | undefined {
  const value = node.rawAttrs[name]?.s;
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : undefined;
}

/** Whether a node depends on weights alone, and what its value is. */
export class Constants {
  private readonly known = new Map<GraphNode, boolean>();
  private readonly values = new Map<GraphNode, Tensor>();

  constructor(private readonly executor: Executor) {}

  has(node: GraphNode): boolean {
    const known = this.known.get(node);
    if (known !== undefined) return known;
    // Whatever leads back to itself, as loops do, is not constant.
    this.known.set(node, false);
    const weight = this.executor.weightMap[node.name] !== undefined;
    const is =
      weight ||
      (node.inputs.length > 0 && isPure(node) && node.inputs.every((input) => this.has(input)));
    this.known.set(node, is);
    return is;
  }

  /** Belongs to this object. */
  value(node: GraphNode): Tensor {
    const known = this.values.get(node);
    if (known) return known;
    const weight = this.executor.weightMap[node.name]?.[0];
    const value = weight ? tf.clone(weight) : this.executor.execute({}, [node.name])[0]!;
    this.values.set(node, value);
    return value;
  }

  /** The numbers of a small constant, as axes and epsilon are; undefined for what is none. */
  numbers(node: GraphNode | undefined): number[] | undefined {
    if (!node || !this.has(node)) return undefined;
    const value = this.value(node);
    return value.size <= 64 && ['float32', 'int32'].includes(value.dtype)
      ? [...value.dataSync()]
      : undefined;
  }

  dispose(): void {
    tf.dispose([...this.values.values()]);
    this.values.clear();
  }
}

// What normalizers as they are exported do to their parameters.
const PURE = [
  ...ALIASES,
  'Add',
  'AddN',
  'AddV2',
  'ExpandDims',
  'Mul',
  'Neg',
  'RealDiv',
  'Reciprocal',
  'Reshape',
  'Rsqrt',
  'Sqrt',
  'Squeeze',
  'Sub',
];
const isPure = (node: GraphNode) => PURE.includes(node.op);
