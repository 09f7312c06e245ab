/** Graph models as TensorFlow's converter writes them, a node for each line. */
import type { GraphModel, io, Tensor } from '@tensorflow/tfjs';
import { tf } from '../../src';

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
