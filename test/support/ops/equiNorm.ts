import { tf } from '../../../src';
import { runListOp } from '../../../src/core/listKernels';
import '../../../src/norms/equiNorm';
import { type RawOp, X } from '../opEntry';

const vector = (size: number) => tf.ones([size]);

export const otherCalls = [
  () =>
    runListOp(
      'TfjsEquiNorm',
      {
        factors: [vector(2)],
        weights: [tf.ones([3, 6])],
        rows: [vector(3)],
        columns: [vector(6)],
        order: [vector(9)],
        starts: [vector(5)],
        shares: [vector(9)],
        exponents: [vector(2)],
      },
      { p: 2 },
    ),
  () =>
    runListOp(
      'TfjsEquiNormScale',
      { x: [tf.ones(X)], rows: [vector(3)], columns: [vector(6)], factors: [vector(2)] },
      { power: 1 },
    ),
];

export const rawOps: RawOp[] = [
  {
    name: 'TfjsEquiNorm',
    outputs: 1,
    inputs: {
      factors: [2],
      weights: X,
      rows: [3],
      columns: [6],
      order: [9],
      starts: [5],
      shares: [9],
      exponents: [2],
    },
    attributes: { p: 1.5 },
    defaults: { p: 2 },
    wrong: { p: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-46] },
  },
  {
    name: 'TfjsEquiNormScale',
    outputs: 1,
    inputs: { x: X, rows: [3], columns: [6], factors: [2] },
    attributes: { power: -1 },
    defaults: { power: 1 },
    anyLength: ['factors'],
    wrong: { power: [-3, 3] },
  },
];
