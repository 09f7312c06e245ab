/** Finds normalizers in a graph: FusedBatchNorm nodes, moments with what is made of them, and affine maps of channels. */
import {
  type Constants,
  flag,
  type Graph,
  type GraphNode,
  inputOf,
  type Source,
  sourceOf,
  text,
} from './nodes';
import { type Affine, affineIn, isParameter, Polynomials } from './polynomial';

/** `scale * (x - mean) / sqrt(variance + epsilon) + offset` with the moments of x itself over `axes`. */
export interface MomentsPattern extends Affine {
  kind: 'moments';
  x: Source;
  axes: number[];
  epsilon: number;
}

/** `scale * x + offset`, as batch normalization is at inference. */
export interface AffinePattern extends Affine {
  kind: 'affine';
  x: Source;
}

/** A FusedBatchNorm node with given statistics. */
export interface FusedPattern {
  kind: 'fused';
  /** x, scale, offset, mean, variance. */
  inputs: Source[];
  epsilon: number;
}

export type Pattern = MomentsPattern | AffinePattern | FusedPattern;
export type Found = { node: GraphNode } & ({ pattern: Pattern } | { reason: string });

const ARITHMETIC = [
  'Add',
  'AddN',
  'AddV2',
  'BiasAdd',
  'Identity',
  'Mul',
  'Neg',
  'RealDiv',
  'Reciprocal',
  'Snapshot',
  'StopGradient',
  'Sub',
];
// As far as an exporter spreads one normalizer.
const DEPTH = 12;

/** What is computed from a node by arithmetic alone, nearest first. */
function arithmeticFrom(start: GraphNode[]): Set<GraphNode> {
  const found = new Set<GraphNode>();
  let front = start;
  for (let depth = 0; depth < DEPTH && front.length > 0; depth++) {
    front = front
      .flatMap(({ children }) => children)
      .filter((node) => ARITHMETIC.includes(node.op) && !found.has(node));
    for (const node of front) found.add(node);
  }
  return found;
}

/** Of nodes that all can be replaced, those that others than the next of them use, too. */
const last = (nodes: Set<GraphNode>): GraphNode[] =>
  [...nodes].filter(({ children }) => children.length !== 1 || !nodes.has(children[0]!));

export function recognizeFused(node: GraphNode): Found | undefined {
  if (!/^FusedBatchNorm(V2|V3)?$/.test(node.op)) return undefined;
  const layout = text(node, 'data_format');
  const inputs = [0, 1, 2, 3, 4].map((index) => sourceOf(node, index));
  const reason =
    node.rawAttrs.is_training?.b !== false
      ? 'it is in training mode, which tfjs runs as inference'
      : layout !== undefined && layout !== 'NHWC'
        ? `its layout is ${layout}, which tfjs takes for NHWC`
        : inputs.length !== node.inputs.length || !inputs.every(Boolean)
          ? 'it has other inputs than x, scale, offset, mean and variance'
          : undefined;
  if (reason) return { node, reason };
  const epsilon = node.attrParams.epsilon?.value as number;
  return { node, pattern: { kind: 'fused', inputs: inputs as Source[], epsilon } };
}

interface Moments {
  x: Source;
  mean: GraphNode;
  axes: number[];
  epsilon: number;
}

function meanOf(node: GraphNode | undefined, constants: Constants) {
  const x = node?.op === 'Mean' ? sourceOf(node, 0) : undefined;
  const axes = x && constants.numbers(node!.inputs[1]);
  return axes && { x: x!, axes, kept: flag(node!, 'keep_dims') };
}

/** The two values whose difference a node squares, larger or smaller. */
function squaredDifference(node: GraphNode | undefined): [Source?, Source?] {
  if (node?.op === 'SquaredDifference') return [sourceOf(node, 0), sourceOf(node, 1)];
  const [a, b] = node ? [inputOf(node, 0), inputOf(node, 1)] : [];
  const isSquare = node?.op === 'Square' || (node?.op === 'Mul' && a === b);
  return isSquare && a?.op === 'Sub' ? [sourceOf(a, 0), sourceOf(a, 1)] : [];
}

/** The moments that `root`, a Sqrt or Rsqrt, is made of; or why not. */
function momentsOf(root: GraphNode, constants: Constants): Moments | string {
  const sum = inputOf(root, 0);
  const terms = sum && ['Add', 'AddV2'].includes(sum.op) ? [inputOf(sum, 0), inputOf(sum, 1)] : [];
  const at = terms.findIndex((term) => constants.numbers(term)?.length === 1);
  const epsilon = constants.numbers(terms[at])?.[0];
  const variance = meanOf(terms[1 - at], constants);
  if (epsilon === undefined || !(epsilon > 0) || !variance) {
    return 'it is not the root of a mean plus a constant epsilon above 0';
  }
  const pair = squaredDifference(variance.x.node);
  const at1 = pair.findIndex((one) => meanOf(one?.node, constants) !== undefined);
  const mean = meanOf(pair[at1]?.node, constants);
  const x = pair[1 - at1];
  if (!mean || !x || mean.x.name !== x.name)
    return 'the mean in it is not that of squared distances from the mean';
  if (!mean.kept || !variance.kept) return 'its moments drop the axes they are taken over';
  if (mean.axes.join() !== variance.axes.join())
    return 'its mean and its variance are over different axes';
  return { x, mean: pair[at1]!.node, axes: mean.axes, epsilon };
}

const MOMENTS = [
  { factors: ['x', 'r'], count: 1 },
  { factors: ['mean', 'r'], count: -1 },
];

/** What is made of the moments under a Sqrt or Rsqrt node. */
export function recognizeMoments(root: GraphNode, constants: Constants): Found[] {
  if (!['Rsqrt', 'Sqrt'].includes(root.op) || constants.has(root)) return [];
  const moments = momentsOf(root, constants);
  if (typeof moments === 'string') {
    return root.op === 'Rsqrt' ? [{ node: root, reason: moments }] : [];
  }
  const { x, mean, axes, epsilon } = moments;
  const named = new Map([
    [x.name, 'x'],
    [mean.name, 'mean'],
  ]);
  if (root.op === 'Rsqrt') named.set(root.name, 'r');
  for (const child of root.op === 'Sqrt' ? root.children : []) {
    if (child.op === 'Reciprocal') named.set(child.name, 'r');
  }
  const region = arithmeticFrom([mean, root]);
  const polynomials = new Polynomials(constants, {
    named,
    roots: new Map(root.op === 'Sqrt' ? [[root.name, 'r']] : []),
    within: (node) => region.has(node),
  });
  const matches = new Map<GraphNode, Affine>();
  for (const node of region) {
    const affine = affineIn(polynomials.ofNode(node), MOMENTS);
    if (affine) matches.set(node, affine);
  }
  const found = last(new Set(matches.keys())).map((node) => ({
    node,
    pattern: { kind: 'moments', x, axes, epsilon, ...matches.get(node)! } as const,
  }));
  const reason =
    'what is made of its moments is not scale * (x - mean) / sqrt(variance + epsilon) + offset with constants';
  return found.length > 0 ? found : [{ node: root, reason }];
}

function affineOf(node: GraphNode, constants: Constants): AffinePattern | undefined {
  // A product, a sum, and whatever else has a constant on one side.
  const within = (one: GraphNode) =>
    ARITHMETIC.includes(one.op) &&
    (one.inputs.length === 1 || one.inputs.some((input) => constants.has(input)));
  if (
    !['Add', 'AddN', 'AddV2', 'BiasAdd', 'Sub'].includes(node.op) ||
    constants.has(node) ||
    !within(node)
  ) {
    return undefined;
  }
  const polynomial = new Polynomials(constants, { within }).ofNode(node);
  const variables = [...polynomial.values()].flatMap(({ factors }) =>
    factors.filter((one) => !isParameter(one)),
  );
  const [x] = variables;
  if (x === undefined || variables.length !== 1) return undefined;
  const affine = affineIn(polynomial, [{ factors: [x], count: 1 }]);
  if (!affine || affine.scale.length === 0 || affine.offset.length === 0) return undefined;
  return { kind: 'affine', x: sourceNamed(node, x)!, ...affine };
}

/** The source of this name among what a node is computed from. */
function sourceNamed(node: GraphNode, name: string): Source | undefined {
  for (const index of node.inputs.keys()) {
    const source = sourceOf(node, index);
    if (!source) continue;
    if (source.name === name) return source;
    const deeper = ARITHMETIC.includes(source.node.op) ? sourceNamed(source.node, name) : undefined;
    if (deeper) return deeper;
  }
  return undefined;
}

/** The affine maps with constant coefficients among these nodes. */
export function recognizeAffine(nodes: Iterable<GraphNode>, constants: Constants): Found[] {
  const matches = new Map<GraphNode, AffinePattern>();
  for (const node of nodes) {
    const pattern = affineOf(node, constants);
    if (pattern) matches.set(node, pattern);
  }
  return last(new Set(matches.keys())).map((node) => ({ node, pattern: matches.get(node)! }));
}

/** The nodes that the outputs of a graph are computed from. */
export function liveNodes({ outputs }: Graph): Set<GraphNode> {
  const found = new Set<GraphNode>(outputs);
  for (const node of found) {
    for (const input of node.inputs) found.add(input);
  }
  return found;
}
