/** Normalizers in graph models, as exporters write them, after `norm.useNativeOps`. */
import { native } from '../support/askedDevice';
import { expectClose } from '../support/expectClose';
import { type Build, compared, fused, outputOf, rsqrt, values } from '../support/graphModel';

const CLOSE = { absolute: 1e-5, relative: 1e-5 };

/** As Keras writes it: x * (r * gamma) + (-mean * (r * gamma) + beta). */
function keras(axes: number[], shape: number[], own = shape): Build {
  return (graph, x) => {
    const size = own.reduce((a, b) => a * b, 1);
    const parameter = (seed: number) =>
      graph.add('Reshape', [graph.floats(values(size, seed), own), graph.ints(shape)]);
    const { mean, variance } = graph.moments(x, axes);
    const factor = graph.add('Mul', [rsqrt(graph, variance), parameter(1)]);
    const product = graph.add('Mul', [x, factor]);
    const shift = graph.add('Mul', [graph.add('Neg', [mean]), factor]);
    return graph.add('AddV2', [product, graph.add('AddV2', [shift, parameter(2)])]);
  };
}

/** (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
function divided(axes: number[], shape: number[]): Build {
  return (graph, x) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const distance = graph.add('Sub', [x, graph.mean(x, axes)]);
    const variance = graph.mean(graph.add('Square', [distance]), axes);
    const root = graph.add('Sqrt', [graph.add('Add', [graph.scalar(1e-3), variance])]);
    const y = graph.add('RealDiv', [distance, root]);
    const scaled = graph.add('Mul', [graph.floats(values(size, 3), shape), y]);
    return graph.add('Add', [scaled, graph.floats(values(size, 4), shape)]);
  };
}

/** tf.nn.batch_normalization: x * (r * gamma) + (beta - mean * (r * gamma)). */
const nnBatchNormalization =
  (axes: number[], shape: number[]): Build =>
  (graph, x) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const { mean, variance } = graph.moments(x, axes);
    const factor = graph.add('Mul', [rsqrt(graph, variance), graph.floats(values(size, 5), shape)]);
    const shift = graph.add('Sub', [
      graph.floats(values(size, 6), shape),
      graph.add('Mul', [mean, factor]),
    ]);
    return graph.add('AddV2', [graph.add('Mul', [x, factor]), shift]);
  };

const plain =
  (axes: number[]): Build =>
  (graph, x) => {
    const { mean, variance } = graph.moments(x, axes);
    return graph.add('Mul', [graph.add('Sub', [x, mean]), rsqrt(graph, variance)]);
  };

const grouped =
  (build: Build, shape: number[], back: number[]): Build =>
  (graph, x) => {
    const y = build(graph, graph.add('Reshape', [x, graph.ints(shape)]));
    return graph.add('Reshape', [y, graph.ints(back)]);
  };

const NHWC = [2, 4, 5, 6];
const MOMENTS: [string, number[], Build, string][] = [
  ['layer norm of Keras', NHWC, keras([-1], [1, 1, 1, 6], [6]), 'layerNorm'],
  ['layer norm of all of a sample', NHWC, keras([1, 2, 3], [1, 4, 5, 6], [4, 5, 6]), 'layerNorm'],
  ['layer norm of rank 2', [3, 7], divided([1], [7]), 'layerNorm'],
  ['layer norm of a sample, parameters by channel', NHWC, divided([1, 2, 3], [6]), 'groupNorm'],
  ['layer norm of a middle axis', NHWC, divided([1], [4, 1, 1]), 'layerNorm'],
  ['instance norm', NHWC, nnBatchNormalization([1, 2], [1, 1, 1, 6]), 'groupNorm'],
  ['instance norm, channels first', NHWC, divided([2, 3], [4, 1, 1]), 'groupNorm'],
  [
    'group norm of Keras',
    NHWC,
    grouped(keras([1, 2, 4], [1, 1, 1, 3, 2], [6]), [-1, 4, 5, 3, 2], [-1, 4, 5, 6]),
    'groupNorm',
  ],
  [
    'group norm, channels first',
    NHWC,
    grouped(divided([2, 3, 4], [2, 2, 1, 1]), [-1, 2, 2, 5, 6], [-1, 4, 5, 6]),
    'groupNorm',
  ],
  [
    'instance norm of Keras, a channel a group',
    NHWC,
    grouped(keras([1, 2, 4], [1, 1, 1, 6, 1], [6]), [-1, 4, 5, 6, 1], [-1, 4, 5, 6]),
    'groupNorm',
  ],
  [
    'group norm without parameters',
    NHWC,
    grouped(plain([2]), [2, 3, -1], [2, 4, 5, 6]),
    'layerNorm',
  ],
  ['moments over the batch', NHWC, plain([0, 1, 2]), 'layerNorm'],
  ['parameters along another axis', [3, 7, 5], divided([2], [7, 1]), 'groupNorm'],
  ['parameters along the batch axis, which no op has', [3, 7], divided([1], [3, 1]), 'none'],
];

test.each(MOMENTS)('%s', async (name, shape, build, op) => {
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  const { model, x, want, report, got, opCalls } = await compared(shape, build);
  expect(report.kept).toEqual([]);
  expect(report.replaced).toEqual([expect.objectContaining({ from: 'moments', op })]);
  expectClose(name, got, want, CLOSE);
  const ran = op !== 'none';
  expect(opCalls > 0).toBe(ran && native);
  outputOf(model, x);
  expect(warn.mock.calls).toEqual(
    ran ? [] : [[expect.stringContaining("useNativeOps: tfjs's own ops compute")]],
  );
  warn.mockRestore();
  model.dispose();
  x.dispose();
});

test('FusedBatchNormV3 with given statistics', async () => {
  const { model, x, want, report, got, opCalls } = await compared(NHWC, fused(false));
  expect(report.replaced).toEqual([
    { name: 'FusedBatchNormV3_4', from: 'FusedBatchNorm', op: 'batchNormInference' },
  ]);
  expectClose('y', got, want, CLOSE);
  expect(opCalls > 0).toBe(native);
  model.dispose();
  x.dispose();
});

describe('batch norm that the converter has folded into a product and a sum', () => {
  const folded =
    (shape: number[]): Build =>
    (graph, x) => {
      const [a, b] = [5, 6].map((seed) =>
        graph.floats(values(6, seed).subarray(0, shape[0]), shape),
      );
      return graph.add('AddV2', [graph.add('Mul', [x, a!]), b!]);
    };
  test.each([
    ['by channel', folded([6]), ['batchNormInference']],
    ['by channel, channels first', folded([4, 1, 1]), ['batchNormInference']],
    [
      'of constants that are computed',
      ((graph, x) => {
        const r = rsqrt(graph, graph.floats(values(6, 7).map(Math.abs)));
        const factor = graph.add('Mul', [r, graph.floats(values(6, 5))]);
        const shift = graph.add('Sub', [
          graph.floats(values(6, 8)),
          graph.add('Mul', [graph.floats(values(6, 9)), factor]),
        ]);
        return graph.add('AddV2', [graph.add('Mul', [x, factor]), shift]);
      }) as Build,
      ['batchNormInference'],
    ],
    ['of two numbers, which normalize no channels', folded([1]), []],
  ])('%s', async (_, build, ops) => {
    const { model, x, want, report, got } = await compared(NHWC, build);
    expect(report.replaced.map(({ op }) => op)).toEqual(ops);
    expectClose('y', got, want, CLOSE);
    model.dispose();
    x.dispose();
  });
});
