/** Normalizers in graph models, as exporters write them, after `norm.useNativeOps`. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { register, report, resetReport, unregister } from '../../src/register';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose } from '../support/expectClose';
import { GraphBuilder, outputOf } from '../support/graphModel';
import { tensor } from '../support/tensors';

const CLOSE = { absolute: 1e-5, relative: 1e-5 };
// Importing it has registered.
beforeAll(unregister);

type Build = (graph: GraphBuilder, x: string) => string;

const values = (size: number, seed: number): Float32Array =>
  Float32Array.from(normal([size], seed, { mean: 1, deviation: 0.5 }).data);
const rsqrt = (graph: GraphBuilder, variance: string, epsilon = 1e-3) =>
  graph.add('Rsqrt', [graph.add('AddV2', [variance, graph.scalar(epsilon)])]);

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

async function compared(shape: number[], build: Build) {
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

const fused =
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

test.each([
  ['in training mode', fused(true), /training mode/],
  ['channels first', fused(false, 'NCHW'), /layout is NCHW/],
  [
    'layer norm whose moments lose their axes and get them back',
    ((graph, x) => {
      const { mean, variance } = graph.moments(x, [3]);
      const [center, spread] = [mean, variance].map((moment) => {
        const dropped = graph.add('Reshape', [moment, graph.ints([-1, 4, 5])]);
        return graph.add('Reshape', [dropped, graph.ints([-1, 4, 5, 1])]);
      });
      return graph.add('Mul', [graph.add('Sub', [x, center!]), rsqrt(graph, spread!)]);
    }) as Build,
    /not the root of a mean/,
  ],
  [
    'a root of mean squares',
    ((graph, x) => {
      const square = graph.mean(graph.add('Square', [x]), [3]);
      return graph.add('Mul', [x, rsqrt(graph, square)]);
    }) as Build,
    /not that of squared distances/,
  ],
  [
    'a scale that the input gives',
    ((graph, x) => {
      const { mean, variance } = graph.moments(x, [3]);
      const factor = graph.add('Mul', [rsqrt(graph, variance), graph.mean(x, [1])]);
      return graph.add('Mul', [graph.add('Sub', [x, mean]), factor]);
    }) as Build,
    /with constants/,
  ],
  [
    'the variance of something else',
    ((graph, x) => {
      const { mean } = graph.moments(x, [3]);
      const { variance } = graph.moments(graph.add('Relu', [x]), [3]);
      return graph.add('Mul', [graph.add('Sub', [x, mean]), rsqrt(graph, variance)]);
    }) as Build,
    /with constants/,
  ],
  [
    'the spread around the mean of something else',
    ((graph, x) => {
      const mean = graph.mean(graph.add('Relu', [x]), [3]);
      const variance = graph.mean(graph.add('SquaredDifference', [x, mean]), [3]);
      return graph.add('Mul', [graph.add('Sub', [x, mean]), rsqrt(graph, variance)]);
    }) as Build,
    /not that of squared distances/,
  ],
  [
    'a sum of x and its mean',
    ((graph, x) => {
      const { mean, variance } = graph.moments(x, [3]);
      return graph.add('Mul', [graph.add('AddV2', [x, mean]), rsqrt(graph, variance)]);
    }) as Build,
    /with constants/,
  ],
  [
    'a mean that is scaled by another factor than x',
    ((graph, x) => {
      const { mean, variance } = graph.moments(x, [3]);
      const scaled = graph.add('Mul', [mean, graph.floats(values(6, 1))]);
      return graph.add('Mul', [graph.add('Sub', [x, scaled]), rsqrt(graph, variance)]);
    }) as Build,
    /with constants/,
  ],
  [
    'a mean over other axes than the variance',
    ((graph, x) => {
      const distance = graph.add('SquaredDifference', [x, graph.mean(x, [2])]);
      return graph.add('Mul', [x, rsqrt(graph, graph.mean(distance, [3]))]);
    }) as Build,
    /different axes/,
  ],
])('%s stays as it is, and the report says why', async (_, build, reason) => {
  const { model, x, want, report, got } = await compared(NHWC, build);
  expect(report.replaced).toEqual([]);
  expect(report.kept).toEqual([expect.objectContaining({ reason: expect.stringMatching(reason) })]);
  expect([...got]).toEqual([...want]);
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

/** A layer norm whose value, and that of the node before its offset, other nodes use, too. */
async function forked() {
  const graph = new GraphBuilder();
  const x = graph.input([null, 6]);
  const { mean, variance } = graph.moments(x, [1]);
  const y = graph.add('Mul', [graph.add('Sub', [x, mean]), rsqrt(graph, variance)], {}, 'normal');
  const scaled = graph.add('Mul', [y, graph.floats(values(6, 1))], {}, 'scaled');
  const whole = graph.add('AddV2', [scaled, graph.floats(values(6, 2))], {}, 'whole');
  graph.add('Relu', [whole], {}, 'a');
  graph.add('AddV2', [graph.add('Relu', [scaled]), whole], {}, 'b');
  return { model: await graph.load(['a', 'b']), x: tensor(normal([5, 6], 3)) };
}

test('what others use too, keeps its value, also as an output that is asked for', async () => {
  const { model, x } = await forked();
  const names = ['a', 'b', 'scaled', 'normal', 'whole'];
  const all = () =>
    tf.tidy(() => names.map((name) => (model.execute(x, name) as Tensor).dataSync().slice()));
  const want = all();
  const first = norm.useNativeOps(model);
  expect(first.replaced.map(({ name }) => name).sort()).toEqual(['scaled', 'whole']);
  for (const [i, got] of all().entries()) expectClose(names[i]!, got, want[i]!, CLOSE);
  const { replaced, kept } = norm.useNativeOps(model);
  expect({ replaced, kept }).toEqual({ replaced: [], kept: [] });
  model.dispose();
  x.dispose();
});

test('no tensor is left behind, by calls or by the model', async () => {
  const before = tf.memory().numTensors;
  const { model, x } = await forked();
  norm.useNativeOps(model);
  const loaded = tf.memory().numTensors;
  // tfjs says that this graph does not need executeAsync.
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  for (const one of [model.predict(x), await model.executeAsync(x)]) tf.dispose(one as Tensor[]);
  warn.mockRestore();
  expect(tf.memory().numTensors).toBe(loaded);
  model.dispose();
  x.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test('under register a loaded graph model is native by itself', async () => {
  register();
  resetReport();
  const { model, x } = await forked();
  norm.resetCounters();
  tf.dispose(model.predict(x) as Tensor[]);
  expect(norm.counters().opCalls > 0).toBe(native);
  const { graphs } = report();
  expect(graphs.flatMap(({ replaced }) => replaced.map(({ op }) => op))).toEqual(
    native ? ['layerNorm', 'layerNorm'] : [],
  );
  unregister();
  model.dispose();
  x.dispose();
});

test('a graph model that is not loaded is refused', () => {
  const model = new tf.GraphModel('file:///nowhere/model.json');
  expect(() => norm.useNativeOps(model)).toThrow(/useNativeOps: model must be loaded/);
});
