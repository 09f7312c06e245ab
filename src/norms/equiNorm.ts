/** The equi-normalization ops: kernels, and that they have no gradients. Equations in native/norms/equi_norm.h. */
import type { Tensor } from '@tensorflow/tfjs-node';
import { sizeOf } from '../core/checks';
import { NormError } from '../core/errors';
import { registerOpGradient } from '../core/kernels';
import { registerListOp } from '../core/listKernels';
import { tf } from '../tensorflow';

/** The weight as [outer, rows, columns]. */
function viewOf({ shape, rank }: Tensor): [number, number, number] {
  return [
    sizeOf(shape.slice(0, Math.max(rank - 2, 0))),
    rank > 1 ? shape[rank - 2]! : 1,
    shape[rank - 1]!,
  ];
}

/** The factors of rows or columns by their entries' numbers. */
function factorsOf(numbers: Tensor, factors: Tensor): Tensor {
  const size = tf.abs(numbers);
  const known = tf.logicalAnd(tf.greaterEqual(size, 1), tf.lessEqual(size, factors.size));
  const at = tf.where(known, tf.sub(size, 1), tf.zerosLike(size));
  const factor = tf.gather(factors, tf.cast(at, 'int32') as never);
  const signed = tf.where(tf.less(numbers, 0), tf.div(1, factor), factor);
  return tf.where(known, signed, tf.onesLike(numbers));
}

interface Scaled {
  weights: Tensor[];
  rows: Tensor[];
  columns: Tensor[];
}

/** The weights as [outer, rows, columns], times a power of their factors, which are looked up for all of them at once. */
function scaled({ weights, rows, columns }: Scaled, factors: Tensor, power: number): Tensor[] {
  const numbers = weights.flatMap((_, i) => [rows[i]!, columns[i]!]);
  const all = tf.pow(factorsOf(tf.concat(numbers), factors), power);
  let at = 0;
  const next = (shape: number[]) => {
    const size = sizeOf(shape);
    at += size;
    return tf.reshape(tf.slice(all, [at - size], [size]), shape);
  };
  return weights.map((weight) => {
    const [outer, r, c] = viewOf(weight);
    return tf.mul(tf.reshape(weight, [outer, r, c]), tf.mul(next([1, r, 1]), next([1, 1, c])));
  });
}

registerListOp({
  name: 'TfjsEquiNorm',
  inputs: ['factors', 'weights', 'rows', 'columns', 'order', 'starts', 'shares', 'exponents'],
  outputs: ['new_factors'],
  lists: ['weights', 'rows', 'columns'],
  attributes: { p: 'float' },
  composed(given, { p }) {
    const [factors, order, starts, shares, exponents] = (
      ['factors', 'order', 'starts', 'shares', 'exponents'] as const
    ).map((name) => given[name]![0]!) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const weights = { weights: given.weights!, rows: given.rows!, columns: given.columns! };
    const sums = scaled(weights, factors, 1).flatMap((all) => {
      const powers = p === 2 ? tf.square(all) : tf.pow(tf.abs(all), p as number);
      return [tf.sum(powers, [0, 2]), tf.sum(powers, [0, 1])];
    });
    const total = sizeOf(order.shape);
    const places = tf.cast(tf.clipByValue(order, 0, total - 1), 'int32');
    const values = tf.mul(shares, tf.gather(tf.concat(sums), places as never));
    // A position's segment: how many of the segments after the first begin at it or before.
    const begins = tf.cast(tf.clipByValue(tf.slice(starts, [1]), 0, total), 'int32');
    const marks = tf.scatterND(tf.reshape(begins, [-1, 1]), tf.ones([begins.size]), [total + 1]);
    const segments = tf.cast(tf.slice(tf.cumsum(marks), [0], [total]), 'int32');
    const entries = factors.size;
    const both = tf.unsortedSegmentSum(values, segments as never, 2 * entries + 1);
    const [producers, consumers] = tf.unstack(
      tf.reshape(tf.slice(both, [0], [2 * entries]), [entries, 2]),
      1,
    ) as [Tensor, Tensor];
    const d = tf.exp(tf.mul(exponents, tf.sub(tf.log(consumers), tf.log(producers))));
    const alive = [producers, consumers].map((sum) =>
      tf.logicalAnd(tf.greater(sum, 0), tf.isFinite(sum)),
    ) as [Tensor, Tensor];
    const moved = tf.greaterEqual(tf.abs(tf.sub(d, 1)), 1e-6);
    const next = tf.mul(factors, d);
    const within = tf.logicalAnd(tf.greaterEqual(next, 1e-30), tf.lessEqual(next, 1e30));
    const changed = tf.logicalAnd(
      tf.logicalAnd(tf.logicalAnd(alive[0], alive[1]), tf.notEqual(exponents, 0)),
      tf.logicalAnd(moved, within),
    );
    return { new_factors: [tf.where(changed, next, factors)] };
  },
});

registerListOp({
  name: 'TfjsEquiNormScale',
  inputs: ['x', 'rows', 'columns', 'factors'],
  outputs: ['y'],
  lists: ['x', 'rows', 'columns', 'y'],
  attributes: { power: 'int' },
  composed({ x, rows, columns, factors }, { power }) {
    const weights = { weights: x!, rows: rows!, columns: columns! };
    const y = scaled(weights, factors![0]!, power as number);
    return { y: y.map((one, i) => tf.reshape(one, x![i]!.shape)) };
  },
});

for (const op of ['TfjsEquiNorm', 'TfjsEquiNormScale']) {
  registerOpGradient({
    op,
    inputsToSave: [],
    gradient() {
      const expected = 'is a change of the weights between training steps and has no gradient';
      const message = `equiNormalization: its scaling ${expected}: call step() outside of tf.grads and optimizer.minimize`;
      throw new NormError(message, 'equiNormalization', 'step', expected, 'a gradient of it');
    },
  });
}
