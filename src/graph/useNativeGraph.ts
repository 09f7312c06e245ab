/** Lets the normalizers of a graph model, which `tf.loadGraphModel` gives, run as native ops. */
import type { GraphModel, Tensor } from '@tensorflow/tfjs-node';
import { messageOf } from '../core/report';
import { warn } from '../core/warn';
import { tf } from '../tensorflow';
import {
  Constants,
  type Executor,
  executorOf,
  type Graph,
  type GraphNode,
  type Source,
} from './nodes';
import { type Affine, PARAMETER, type Term } from './polynomial';
import {
  type Found,
  liveNodes,
  type Pattern,
  recognizeAffine,
  recognizeFused,
  recognizeMoments,
} from './recognize';
import { type Result, runAffine, runFused, runMoments } from './run';

/** A part of a graph that became one native op. */
export interface ReplacedNodes {
  /** The node whose value it computes. */
  name: string;
  /** What was recognized: a FusedBatchNorm node, moments and what is made of them, or an affine map of channels. */
  from: 'FusedBatchNorm' | 'moments' | 'affine';
  /** The axes of the moments, as the graph has them. */
  axes?: number[];
  /** Which of `norm.ops` ran; null as long as none has. */
  op: string | null;
}

/** A node that looks like a normalizer's and stays as it is. */
export interface KeptNodes {
  name: string;
  op: string;
  reason: string;
}

/** What `norm.useNativeOps` did to a graph model. */
export interface NativeGraphReport<M> {
  /** The model that was given. */
  model: M;
  replaced: ReplacedNodes[];
  kept: KeptNodes[];
}

const OP = 'TfjsCudaNormGraphOp';

interface Plan {
  pattern: Pattern;
  parameters: { scale: boolean; offset: boolean };
  entry: ReplacedNodes;
}

const plans = new WeakMap<object, Plan>();

function run({ pattern, parameters }: Plan, inputs: Tensor[]): Result {
  if (pattern.kind === 'fused') return runFused(inputs, pattern.epsilon);
  const [x, ...rest] = inputs;
  const scale = parameters.scale ? rest.shift() : undefined;
  const given = { scale, offset: parameters.offset ? rest.shift() : undefined };
  return pattern.kind === 'affine'
    ? runAffine(x!, given)
    : runMoments(x!, given, pattern.axes, pattern.epsilon);
}

tf.registerOp(OP, (value) => {
  // tfjs hands a custom op its node, though the type of it does not say so.
  const plan = plans.get((value as unknown as { node: object }).node)!;
  return tf.tidy(() => {
    const { y, op } = run(plan, value.inputs);
    const { entry } = plan;
    if (op) {
      entry.op = op;
    } else if (entry.op !== 'none') {
      entry.op = 'none';
      warn(
        `useNativeOps: tfjs's own ops compute ${entry.name}: no native op normalizes ${value.inputs[0]!.dtype} ` +
          `[${value.inputs[0]!.shape}] as it asks for`,
      );
    }
    return y;
  });
});

const constantOf = (graph: Graph, constants: Constants, factor: string): Tensor =>
  constants.value(graph.nodes[factor.slice(PARAMETER.length)]!);

/** A product of constants. */
function product(factors: string[], graph: Graph, constants: Constants): Tensor {
  return factors
    .map((factor) => constantOf(graph, constants, factor))
    .reduce((a, b) => tf.mul(a, b), tf.scalar(1));
}

function sum(terms: Term[], graph: Graph, constants: Constants): Tensor {
  return terms
    .map(({ factors, count }) => tf.mul(product(factors, graph, constants), count))
    .reduce((a, b) => tf.add(a, b));
}

/** The coefficients as tensors, where there are any. */
function parametersOf({ scale, offset }: Affine, graph: Graph, constants: Constants) {
  return {
    scale: scale.length > 0 ? tf.tidy(() => product(scale, graph, constants)) : undefined,
    offset: offset.length > 0 ? tf.tidy(() => sum(offset, graph, constants)) : undefined,
  };
}

/** A new weight of the model, which the model disposes. */
function addWeight(executor: Executor, name: string, value: Tensor): Source {
  const { graph } = executor;
  const empty = {
    inputNames: [],
    inputs: [],
    children: [],
    inputParams: {},
    attrParams: {},
    rawAttrs: {},
  };
  const node: GraphNode = { name, op: 'Const', category: 'graph', ...empty };
  graph.nodes[name] = node;
  graph.weights.push(node);
  // Through the setter, which counts them.
  executor.weightMap = { ...executor.weightMap, [name]: [tf.keep(value)] };
  return { node, name };
}

function replaceInputs(node: GraphNode, inputs: Source[]): void {
  for (const input of node.inputs) {
    const at = input.children.indexOf(node);
    if (at >= 0) input.children.splice(at, 1);
  }
  node.inputs = inputs.map((input) => input.node);
  node.inputNames = inputs.map(({ name }) => name);
  for (const input of node.inputs) input.children.push(node);
}

const SOURCES = { fused: 'FusedBatchNorm', moments: 'moments', affine: 'affine' } as const;

function replace(executor: Executor, constants: Constants, node: GraphNode, pattern: Pattern) {
  const entry: ReplacedNodes = { name: node.name, from: SOURCES[pattern.kind], op: null };
  if (pattern.kind === 'moments') entry.axes = [...pattern.axes];
  const inputs: Source[] = [];
  const parameters = { scale: false, offset: false };
  if (pattern.kind === 'fused') {
    inputs.push(...pattern.inputs);
  } else {
    const values = parametersOf(pattern, executor.graph, constants);
    // A number times x plus a number normalizes no channels.
    const sizes = Object.values(values).map((value) => value?.size ?? 0);
    if (pattern.kind === 'affine' && Math.max(...sizes) < 2) {
      tf.dispose(values);
      return undefined;
    }
    inputs.push(pattern.x);
    for (const key of ['scale', 'offset'] as const) {
      if (!values[key]) continue;
      parameters[key] = true;
      inputs.push(addWeight(executor, `${node.name}/native_${key}`, values[key]));
    }
  }
  replaceInputs(node, inputs);
  Object.assign(node, {
    op: OP,
    category: 'custom',
    inputParams: {},
    attrParams: {},
    rawAttrs: {},
  });
  plans.set(node, { pattern, parameters, entry });
  return entry;
}

/** What `useNativeOps` does with a graph model. */
export function useNativeGraph<M extends GraphModel>(model: M): NativeGraphReport<M> {
  const executor = executorOf(model);
  if (!executor) {
    throw new TypeError(
      'useNativeOps: model must be loaded, and from a tfjs whose graph this package knows (4.22)',
    );
  }
  const report: NativeGraphReport<M> = { model, replaced: [], kept: [] };
  const constants = new Constants(executor);
  const keep = ({ name, op }: GraphNode, reason: string) => report.kept.push({ name, op, reason });
  // Constants that tfjs cannot compute must not keep a model from being loaded.
  const guarded = (node: GraphNode, work: () => void) => {
    try {
      work();
    } catch (error) {
      keep(node, messageOf(error));
    }
  };
  const apply = ({ node, ...what }: Found) => {
    if ('reason' in what) {
      keep(node, what.reason);
      return;
    }
    const entry = replace(executor, constants, node, what.pattern);
    if (entry) report.replaced.push(entry);
  };
  const live = () => liveNodes(executor.graph);
  try {
    for (const node of live()) {
      guarded(node, () => {
        const fused = recognizeFused(node);
        for (const found of fused ? [fused] : recognizeMoments(node, constants)) apply(found);
      });
    }
    // Only what the replacements have left.
    for (const found of recognizeAffine(live(), constants)) guarded(found.node, () => apply(found));
  } finally {
    constants.dispose();
    executor.compiledMap.clear();
  }
  return report;
}
