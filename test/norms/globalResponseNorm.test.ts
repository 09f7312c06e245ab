import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { describeNormalizer, type Normalizer } from '../support/describeNormalizer';
import { expectClose, expectSameBits } from '../support/expectClose';
import { globalResponse } from '../support/globalResponseReference';
import { prepare, tensorsOf } from '../support/prepared';
import { instancePartition } from '../support/reference';
import {
  AFFINE_DEFAULTS,
  affineWeights,
  commonBadArguments,
  EVERY_AFFINE_ARGUMENT,
} from '../support/table';
import { disposeLayer, tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const { globalResponseNorm } = norm.ops;
const bad = (options: () => object) => () =>
  tf.tidy(() => globalResponseNorm(ones(2, 4, 4, 6), options()));
const layerOf = (args: object = {}) => norm.layers.globalResponseNormalization(args);
const zeros = { className: 'Zeros', config: {} };

const table: Normalizer = {
  name: 'globalResponseNorm',
  epsilon: 1e-6,
  scale: true,
  center: true,
  scaleStart: 0,
  // A new layer passes its input on, which plain gradient descent has to bear.
  trainingData: { mean: 0.3, deviation: 0.2 },
  invariance: 'proportional',
  independentSamples: true,
  cases: [
    { shape: [3, 5, 4, 6] },
    { shape: [2, 3, 5, 6], scale: false },
    { shape: [2, 3, 5, 6], center: false },
    { shape: [2, 3, 5, 6], scale: false, center: false },
    { shape: [2, 6, 5, 3], options: { axis: 1 } },
    { shape: [2, 6, 7], options: { axis: 1 } },
    { shape: [2, 3, 4, 5], options: { axis: 2 } },
    { shape: [2, 3, 4, 2, 5], options: { axis: -2 } },
    { shape: [4, 12] },
    { shape: [1, 3, 4, 5] },
    { shape: [1, 2, 3, 2, 10] },
    { shape: [5, 1, 1, 127] },
    { shape: [3, 4, 3, 1] },
    { shape: [1, 1] },
    { shape: [1, 19, 17, 13] },
    { shape: [70, 3, 3, 5] },
    { shape: [2, 60, 60, 8] },
    { shape: [2, 3, 5, 6], mean: 1e4, deviation: 0.25 },
    { shape: [0, 3, 3, 6] },
    { shape: [2, 0, 3, 6] },
  ],
  op: (x, parameters, options) => globalResponseNorm(x, { ...parameters, ...(options as object) }),
  partition: instancePartition,
  reference: (x, partition, parameters, { epsilon }) =>
    globalResponse(x, partition, parameters, epsilon),
  layer: {
    className: 'GlobalResponseNormalization',
    create: (args) => layerOf(args),
    defaults: { axis: -1, epsilon: 1e-6, ...AFFINE_DEFAULTS, gammaInitializer: zeros },
    usable: {},
    everyArgument: { axis: 1, epsilon: 0.25, ...EVERY_AFFINE_ARGUMENT },
    weights: (shape, args) => affineWeights([shape.at(-1)!], args),
  },
  badArguments: [
    ...commonBadArguments(
      'globalResponseNorm',
      (x, options) => globalResponseNorm(x as Tensor, options),
      () => ones(2, 4, 4, 6),
    ),
    ['axis 0, the batch', bad(() => ({ axis: 0 })), /^globalResponseNorm: axis.*batch/],
    [
      'x of rank 1',
      () => tf.tidy(() => globalResponseNorm(ones(6))),
      /^globalResponseNorm: x.*rank/,
    ],
    [
      'gamma too short',
      bad(() => ({ gamma: ones(5) })),
      /^globalResponseNorm: gamma.*\[6\].*\[5\]/,
    ],
    [
      'beta of rank 4',
      bad(() => ({ beta: ones(1, 1, 1, 6) })),
      /^globalResponseNorm: beta.*\[6\].*\[1,\s?1,\s?1,\s?6\]/,
    ],
    [
      'options that are no object',
      () => tf.tidy(() => globalResponseNorm(ones(2, 6), 3 as never)),
      /^globalResponseNorm: options/,
    ],
    ['a layer on axis 0', () => layerOf({ axis: 0 }).build([2, 3, 4]), /axis.*batch/],
    ['a layer with epsilon 0', () => layerOf({ epsilon: 0 }), /epsilon.*0/],
    [
      'a layer with groups',
      () => layerOf({ groups: 2 }),
      /^GlobalResponseNormalization: groups is not an argument/,
    ],
  ],
};

describeNormalizer(table);

describe('globalResponseNorm', () => {
  const shape = [3, 5, 4, 6];

  test('a channel that is 0 in a sample: y = beta there, and the gradient of the definition', () => {
    const p = prepare(table, { shape });
    const x = p.x.data.map((value, i) => (i < 120 && i % 6 === 2 ? 0 : value));
    const want = globalResponse(x, instancePartition(shape, {}), p.parameters, 1e-6);
    const grads = want.gradients(p.dy.data);
    tf.tidy(() => {
      const { dy, gamma, beta } = tensorsOf(p);
      const got = withGradients(
        (a, b, c) => globalResponseNorm(a!, { gamma: b, beta: c }),
        [tensor({ shape, data: x }), gamma!, beta!],
        dy,
      );
      expectClose('y', got.y, want.y);
      [grads.x, grads.gamma, grads.beta].forEach((wanted, i) => {
        expectClose(`d${['x', 'gamma', 'beta'][i]}`, got.grads[i]!, wanted);
      });
      const plane = got.grads[0]!.slice([0, 0, 0, 2], [1, 5, 4, 1]);
      expectSameBits('dx of the channel', plane, dy.slice([0, 0, 0, 2], [1, 5, 4, 1]));
    });
  });

  test('all 0: y = beta, dx = dy, no gradient of gamma', () => {
    tf.tidy(() => {
      const dy = tensor(normal(shape, 5));
      const beta = tensor(normal([6], 6));
      const { y, grads } = withGradients(
        (x, gamma) => globalResponseNorm(x!, { gamma, beta }),
        [tf.zeros(shape), ones(6)],
        dy,
      );
      expectSameBits('y', y, beta.add(tf.zeros(shape)));
      expectSameBits('dx', grads[0]!, dy);
      expect([...grads[1]!.dataSync()].map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
    });
  });

  test.each([0.5, 1e4])('a new layer is the identity, in every bit: mean %d', (mean) => {
    const layer = layerOf();
    tf.tidy(() => {
      const x = tensor(normal(shape, 7, { mean }));
      const dy = tensor(normal(shape, 8));
      const { y, grads } = withGradients((t) => layer.apply(t!) as Tensor, [x], dy);
      expectSameBits('y', y, x);
      expectSameBits('dx', grads[0]!, dy);
    });
    disposeLayer(layer);
  });

  test('the formula of ConvNeXt V2', () => {
    tf.tidy(() => {
      const x = tensor(normal(shape, 9, { mean: 0.5 }));
      const [gamma, beta] = [tensor(normal([6], 10)), tensor(normal([6], 11))];
      const g = x.square().sum([1, 2], true).sqrt();
      const n = g.div(g.mean(-1, true).add(1e-6));
      expectClose(
        'y',
        globalResponseNorm(x, { gamma, beta }),
        x.mul(n).mul(gamma).add(beta).add(x),
      );
    });
  });
});
