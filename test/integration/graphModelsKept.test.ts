/** What `norm.useNativeOps` leaves of a graph model as it is, and what it must not break. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { register, report, resetReport, unregister } from '../../src/register';
import { normal } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose } from '../support/expectClose';
import { type Build, compared, fused, GraphBuilder, rsqrt, values } from '../support/graphModel';
import { tensor } from '../support/tensors';

const CLOSE = { absolute: 1e-5, relative: 1e-5 };
const NHWC = [2, 4, 5, 6];

// Importing it has registered.
beforeAll(unregister);

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

test('constants that tfjs cannot compute are no reason not to load a model', async () => {
  const graph = new GraphBuilder();
  const x = graph.input([null, 6]);
  const { mean, variance } = graph.moments(x, [1]);
  const wrong = graph.add('AddV2', [graph.floats(values(6, 1)), graph.floats(values(5, 1))]);
  const factor = graph.add('Mul', [rsqrt(graph, variance), wrong]);
  graph.add('Mul', [graph.add('Sub', [x, mean]), factor], {}, 'y');
  const model = await graph.load(['y']);
  const { replaced, kept } = norm.useNativeOps(model);
  expect(replaced).toEqual([]);
  expect(kept).toEqual([expect.objectContaining({ reason: expect.stringMatching(/shapes/) })]);
  model.dispose();
});

test('a graph model that is not loaded is refused', () => {
  const model = new tf.GraphModel('file:///nowhere/model.json');
  expect(() => norm.useNativeOps(model)).toThrow(/useNativeOps: model must be loaded/);
});
