import type { Tensor, Variable } from '@tensorflow/tfjs';
import { norm, tf } from '../../../../src';
import type { Array64 } from '../../../support/arrays';
import type { WeightAdapters, WeightCase } from '../../../support/goldenWeights';

type Slice = [string, number, number];
interface Group {
  producers: Slice[];
  consumers: Slice[];
  biases: string[];
}

/** The sum of c ||W||_p^p in double. */
function objective(c: WeightCase, values: (name: string) => ArrayLike<number>): number {
  const terms = Object.entries(c.attrs.layerWeights as Record<string, number>).map(
    ([name, share]) =>
      share * Array.from(values(name)).reduce((sum, w) => sum + Math.abs(w) ** c.attrs.p, 0),
  );
  return terms.reduce((a, b) => a + b, 0);
}

function run(inputs: Record<string, Tensor>, c: WeightCase, cycles: number) {
  const { p, order, scaleBiases, asymmetric, c: ratio } = c.attrs;
  const names = Object.keys(inputs);
  const variables = Object.fromEntries(
    names.map((name) => [
      name,
      tf.variable(inputs[name]!, true, `golden ${name} ${Math.random()}`),
    ]),
  ) as Record<string, Variable>;
  const axisOf = ([name, axis, flat]: Slice) => {
    const variable = variables[name]!;
    const extent = variable.shape[axis]!;
    const units = Array.from({ length: extent }, (_, i) => (flat ? i % flat : i));
    return { variable, axis, units };
  };
  const groups = (c.attrs.groups as Group[]).map(({ producers, consumers, biases }) => {
    const [first, axis] = producers[0]!;
    return {
      units: variables[first]!.shape[axis]!,
      producers: producers.map(axisOf),
      consumers: consumers.map(axisOf),
      biases: biases.filter((name) => name in variables).map((name) => axisOf([name, 0, 0])),
    };
  });
  const optimizer = tf.train.momentum(0.1, 0.9);
  (optimizer as unknown as { accumulations: object[] }).accumulations = names
    .filter((name) => name.startsWith('m:'))
    .map((name) => ({
      originalName: `${variables[name.slice(2)]!.name}/momentum`,
      variable: variables[name]!,
    }));
  const options = { p, order, scaleBiases, asymmetric, c: ratio, cycles, optimizer };
  const equi = new norm.EquiNormalization(groups, options);
  equi.step();
  equi.dispose();
  const outputs = Object.fromEntries(names.map((name) => [name, tf.clone(variables[name]!)]));
  for (const name of names) variables[name]!.dispose();
  return { groups, outputs };
}

/** The coefficients of the first cycle, from what it made of a row or column of the first producer. */
function coefficients(inputs: Record<string, Tensor>, c: WeightCase) {
  const { outputs } = run(inputs, c, 1);
  return Object.fromEntries(
    (c.attrs.groups as Group[]).map(({ producers }, k) => {
      const [name] = producers[0]!;
      const [before, after] = [inputs[name]!, outputs[name]!];
      const last = before.shape.at(-1)!;
      // d of the columns is what is left when that of the rows is taken away.
      const rows = before.rank > 1 ? before.shape.at(-2)! : 1;
      const scale = (of: Tensor) =>
        tf.reshape(tf.sum(tf.abs(tf.reshape(of, [-1, rows, last])), [0]), [rows, last]);
      const ratio = tf.divNoNan(scale(after), scale(before));
      const own = rowFactors(c, name, inputs, outputs, rows);
      const d = tf.divNoNan(
        tf.sum(tf.mul(ratio, own), 0),
        tf.sum(tf.cast(tf.greater(ratio, 0), 'float32'), 0),
      );
      return [`d:${k}`, d];
    }),
  );
}

/** What the rows of a weight were divided by: the coefficients of the group that it consumes, else 1. */
function rowFactors(
  c: WeightCase,
  name: string,
  inputs: Record<string, Tensor>,
  outputs: Record<string, Tensor>,
  rows: number,
): Tensor {
  const groups = c.attrs.groups as Group[];
  const group = groups.find(({ consumers }) => consumers.some(([one]) => one === name));
  if (!group) return tf.ones([rows, 1]);
  const bias = group.biases.find((one) => one in inputs);
  if (bias) return tf.reshape(tf.div(outputs[bias]!, inputs[bias]!), [rows, 1]);
  // Without biases: down the chain of producers.
  const [producer] = group.producers[0]!;
  const [before, after] = [inputs[producer]!, outputs[producer]!];
  const above = before.shape.at(-2)!;
  const own = rowFactors(c, producer, inputs, outputs, above);
  const ratio = tf.mul(tf.divNoNan(after, before), own);
  return tf.reshape(tf.max(ratio, 0), [rows, 1]);
}

export const ops: WeightAdapters = {
  ENorm: (inputs, c) => {
    const { outputs } = run(inputs, c, c.attrs.cycles);
    const data = (tensors: Record<string, Tensor>) => (name: string) => tensors[name]!.dataSync();
    const before = objective(c, (name) => (c.inputs[name] as Array64).data);
    return {
      ...outputs,
      ...coefficients(inputs, c),
      objectiveBefore: tf.scalar(before),
      objectiveAfter: tf.scalar(objective(c, data(outputs))),
    };
  },
};
