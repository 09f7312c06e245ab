/** Graph models as TensorFlow's converter writes them, a node for each line. */
import type { GraphModel, io, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from './arrays';
import { tensor } from './tensors';

type Attributes = Record<string, object>;
const FLOAT = { T: { type: 'DT_FLOAT' } };

export class GraphBuilder {
  private readonly node: object[] = [];
  private readonly weights: { spec: io.WeightsManifestEntry; values: Float32Array | Int32Array }[] =
    [];
  private count = 0;

  /** The graph's input. */
  input(shape: (number | null)[], name = 'x'): string {
    const dim = shape.map((size) => ({ size: String(size ?? -1) }));
    this.node.push({
      name,
      op: 'Placeholder',
      attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim } } },
    });
    return name;
  }

  add(op: string, inputs: string[], attr: Attributes = {}, name = `${op}_${this.count++}`): string {
    this.node.push({ name, op, input: inputs, attr: { ...FLOAT, ...attr } });
    return name;
  }

  private weight(values: Float32Array | Int32Array, shape: number[], dtype: 'float32' | 'int32') {
    const name = `const_${this.count++}`;
    this.node.push({
      name,
      op: 'Const',
      attr: { dtype: { type: dtype === 'float32' ? 'DT_FLOAT' : 'DT_INT32' } },
    });
    this.weights.push({ spec: { name, shape, dtype }, values });
    return name;
  }

  floats(values: ArrayLike<number>, shape = [values.length]): string {
    return this.weight(Float32Array.from(values), shape, 'float32');
  }

  scalar(value: number): string {
    return this.floats([value], []);
  }

  ints(values: number[]): string {
    return this.weight(Int32Array.from(values), [values.length], 'int32');
  }

  mean(x: string, axes: number[], keep = true): string {
    return this.add('Mean', [x, this.ints(axes)], { keep_dims: { b: keep } });
  }

  /** Mean and variance as tf.nn.moments writes them. */
  moments(x: string, axes: number[], keep = true): { mean: string; variance: string } {
    const mean = this.mean(x, axes, keep);
    const distance = this.add('SquaredDifference', [x, this.add('StopGradient', [mean])]);
    return { mean, variance: this.mean(distance, axes, keep) };
  }

  artifacts(outputs: string[]): io.ModelArtifacts {
    const entries = (names: string[]) =>
      Object.fromEntries(names.map((name) => [name, { name: `${name}:0` }]));
    const bytes = this.weights.map(({ values }) => Buffer.from(values.buffer));
    const all = Buffer.concat(bytes);
    return {
      format: 'graph-model',
      modelTopology: { node: this.node, versions: { producer: 1 } },
      signature: { inputs: entries(['x']), outputs: entries(outputs) },
      weightSpecs: this.weights.map(({ spec }) => spec),
      weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.length) as ArrayBuffer,
    };
  }

  load(outputs: string[]): Promise<GraphModel> {
    return tf.loadGraphModel(tf.io.fromMemory(this.artifacts(outputs)));
  }
}

/** What a graph computes for one input. */
export const outputOf = (model: GraphModel, x: Tensor): Float32Array =>
  tf.tidy(() => Float32Array.from((model.predict(x) as Tensor).dataSync()));

export type Build = (graph: GraphBuilder, x: string) => string;

/** Parameters, about 1. */
export const values = (size: number, seed: number): Float32Array =>
  Float32Array.from(normal([size], seed, { mean: 1, deviation: 0.5 }).data);
/** 1 / sqrt(variance + epsilon). */
export const rsqrt = (graph: GraphBuilder, variance: string, epsilon = 1e-3) =>
  graph.add('Rsqrt', [graph.add('AddV2', [variance, graph.scalar(epsilon)])]);
/** A model of one input and what `build` makes of it, before and after useNativeOps. */
export async function compared(shape: number[], build: Build) {
  const graph = new GraphBuilder();
  graph.add('Identity', [build(graph, graph.input([null, ...shape.slice(1)]))], {}, 'y');
  const model = await graph.load(['y']);
  const x = tensor(normal(shape, 8, { mean: 3, deviation: 2 }));
  const want = outputOf(model, x);
  const report = norm.useNativeOps(model);
  norm.resetCounters();
  const got = outputOf(model, x);
  const { opCalls } = norm.counters();
  return { model, x, want, report, got, opCalls };
}
/** A FusedBatchNormV3 node. */
export const fused =
  (training: boolean, layout = 'NHWC', channels = 6): Build =>
  (graph, x) => {
    const parameters = [1, 2, 3, 4].map((seed) =>
      graph.floats(values(channels, seed).map((value) => 2 + value / 4)),
    );
    return graph.add('FusedBatchNormV3', [x, ...parameters], {
      epsilon: { f: 0.01 },
      is_training: { b: training },
      data_format: { s: Buffer.from(layout).toString('base64') },
    });
  };
