/**
 * Inputs on which published normalizers gave NaN, zeros or wrong digits, each with where that was reported.
 */

import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, array64, generator, normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { expectAllFinite, expectClose, values } from '../support/expectClose';
import {
  axesPartition,
  batchPartition,
  centered,
  groupPartition,
  instancePartition,
  rootMeanSquare,
} from '../support/reference';
import { tensor } from '../support/tensors';

const EPSILON = 1e-5;
const filled = (shape: number[], value: number) =>
  array64(shape, new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(value));

function layerNorm(x: Array64): Tensor {
  return norm.ops.layerNorm(tensor(x), { epsilon: EPSILON });
}

function layerReference(x: Array64): Float64Array {
  return centered(x.data, axesPartition(x.shape, {}), {}, EPSILON).y;
}

/**
 * The host kernels' statistics are doubles, and the composed ops scale. The CUDA kernels' variances are float32:
 * beyond that (a deviation above 1.8e19) they are infinite and y is 0, but never NaN or infinite.
 */
function expectSafe(y: Tensor, want: Float64Array): void {
  const got = values(y);
  expectAllFinite('y', got);
  const overflown = asked === 'emulated' || asked === 'cuda';
  const allowed = want.map((value, i) => (overflown && got[i] === 0 ? 0 : value));
  expectClose('y', got, allowed);
}

describe('failure catalogue', () => {
  test('equal values have variance 0, not a negative one (onnxruntime#21935)', () => {
    tf.tidy(() => {
      const x = filled([3, 256], 1234);
      const beta = normal([256], 1);
      const y = norm.ops.layerNorm(tensor(x), { beta: tensor(beta), epsilon: EPSILON });
      expectClose(
        'y',
        y,
        [0, 1, 2].flatMap(() => [...beta.data]),
        { absolute: 0 },
      );
    });
  });

  test('a small spread on a large mean (onnxruntime#28463)', () => {
    tf.tidy(() => {
      const y = layerNorm(array64([1, 4], [40000, 40001, 40002, 40003]));
      expectClose('y', y, [-1.3416354, -0.4472118, 0.4472118, 1.3416354], { absolute: 2e-6 });
    });
  });

  test('16 values near 1449 (mlx#2238)', () => {
    tf.tidy(() => {
      const x = normal([64, 16], 2, { mean: 1449 });
      expectClose('y', layerNorm(x), layerReference(x));
    });
  });

  test('mean 5, deviation 0.1, batch norm in training (tt-metal#45968)', () => {
    tf.tidy(() => {
      const x = normal([8, 7, 7, 16], 3, { mean: 5, deviation: 0.1 });
      const { y } = norm.ops.batchNorm(tensor(x), {
        movingMean: tf.zeros([16]),
        movingVariance: tf.ones([16]),
        epsilon: EPSILON,
      });
      expectClose('y', y, centered(x.data, batchPartition(x.shape, {}), {}, EPSILON).y);
    });
  });

  const statistics: [string, (x: Tensor) => Tensor, (x: Array64) => Float64Array][] = [
    ['layer', (x) => norm.ops.layerNorm(x, { epsilon: EPSILON }), layerReference],
    [
      'instance',
      (x) => norm.ops.instanceNorm(x, { epsilon: EPSILON, axis: 1 }),
      (x) => centered(x.data, instancePartition(x.shape, { axis: 1 }), {}, EPSILON).y,
    ],
    [
      'group, channels last',
      (x) => norm.ops.groupNorm(x, { epsilon: EPSILON, groups: 4 }),
      (x) => centered(x.data, groupPartition(x.shape, { groups: 4 }), {}, EPSILON).y,
    ],
    [
      'batch',
      (x) => {
        const channels = [x.shape.at(-1)!];
        const moving = { movingMean: tf.zeros(channels), movingVariance: tf.ones(channels) };
        return norm.ops.batchNorm(x, { ...moving, epsilon: EPSILON }).y;
      },
      (x) => centered(x.data, batchPartition(x.shape, {}), {}, EPSILON).y,
    ],
  ];

  test.each(statistics)(
    'mean 1e6, deviation 1, over 1024 values: %s (tt-metal PR 47791)',
    (_, op, reference) => {
      tf.tidy(() => {
        const x = normal([2, 32, 1024], 4, { mean: 1e6 });
        expectClose('y', op(tensor(x)), reference(x));
      });
    },
  );

  test.each(statistics)('values around 1e30: %s (pytorch#162489)', (_, op, reference) => {
    tf.tidy(() => {
      const x = normal([3, 5, 8], 5, { deviation: 1e30 });
      expectSafe(op(tensor(x)), reference(x));
    });
  });

  test.each(statistics)('a spread of 1e19 on 1e20: %s (pytorch PR 184151)', (_, op, reference) => {
    tf.tidy(() => {
      const x = normal([4, 16, 64], 6, { mean: 1e20, deviation: 1e19 });
      expectSafe(op(tensor(x)), reference(x));
    });
  });

  test('the mean square of large values has no correction term (candle PR 3477)', () => {
    tf.tidy(() => {
      const x = normal([3, 1024], 7, { mean: 1e17, deviation: 1e16 });
      const { y } = rootMeanSquare(x.data, axesPartition(x.shape, {}), {}, { epsilon: 1e-6 });
      const got = norm.ops.rmsNorm(tensor(x));
      expectAllFinite('y', got);
      expectClose('y', got, y);
    });
  });

  // Half a minute on the other devices, and it is about the host kernels' long sums.
  const testLarge = asked === 'host' ? test : test.skip;
  testLarge('38 million values in [0, 1) in one group (pytorch#54293)', () => {
    const shape = [1, 6160, 6160, 1];
    const uniform = generator(8);
    const data = new Float32Array(shape[1]! * shape[2]!);
    for (let i = 0; i < data.length; i++) data[i] = uniform();
    let sum = 0;
    for (const value of data) sum += value;
    const mean = sum / data.length;
    let squares = 0;
    for (const value of data) squares += (value - mean) ** 2;
    const rho = 1 / Math.sqrt(squares / data.length + 1e-3);
    tf.tidy(() => {
      const y = norm.ops
        .groupNorm(tf.tensor(data, shape), { groups: 1 })
        .dataSync() as Float32Array;
      const some = Array.from({ length: 1000 }, (_, i) => i * 37_945);
      const want = some.map((i) => (data[i]! - mean) * rho);
      expectClose(
        'y',
        some.map((i) => y[i]!),
        want,
        { absolute: 5e-6 },
      );
    });
  });
});
