/** Replacing normalization layers: every kind, and what carries over. */
import type { layers, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { KernelWrapper } from '../../src/weights/kernelWrapper';
import { normal } from '../support/arrays';
import { expectClose, expectSameBits } from '../support/expectClose';
import {
  compile,
  findLayer,
  functional,
  predictions,
  saveAndLoad,
  sequential,
  train,
  weightsOf,
} from '../support/models';
import { tensor } from '../support/tensors';

const BN = 'BatchNormalization';

/** Of several tensors: they cannot take the place of a layer with one. Their arguments, and what they say. */
const ofSeveral: Record<string, [object, RegExp]> = {
  AnalyticNormConv2D: [{ filters: 4, kernelSize: 1 }, /inputs must be a tensor, its means/],
  AnalyticNormDense: [{ units: 4 }, /inputs must be a tensor, its means/],
  InputMoments: [{}, /its outputs must keep the shape/],
  ReZero: [{}, /inputs must be \[x, branch\]/],
  SkipInit: [{}, /inputs must be \[x, branch\]/],
};
// Whatever layers the package has: a new one is tested here without another line. But for those around a layer with a
// kernel, which take no layer's place.
const classes = Object.values(norm.layers).filter(
  (member): member is typeof member & { className: string } =>
    'className' in member &&
    !(member.prototype instanceof KernelWrapper) &&
    !((member.className as string) in ofSeveral),
);
/** What the layers cannot do without. */
const required: Record<string, object> = {
  FixupBasicBlock: { filters: 4, numBranches: 1 },
  FixupBottleneckBlock: { filters: 4, numBranches: 1 },
  HammingConv2D: { filters: 4, kernelSize: 1 },
  HammingDense: { units: 4 },
  NativeAlphaDropout: { rate: 0.1, seed: 1 },
  SeluAlphaDropout: { rate: 0.1, seed: 1 },
  StochasticNormalization: { effectiveN: 256, seed: 1 },
};
const takesGroups = (to: string) => {
  const cls = classes.find(({ className }) => className === to) as unknown as new (
    args: object,
  ) => layers.Layer;
  return 'groups' in new cls({ name: 'sample', ...required[to] }).getConfig();
};

describe.each(classes.map(({ className }) => className))('to %s', (to) => {
  test('a model with a shared layer predicts, trains, saves and loads', async () => {
    const model = functional();
    compile(model);
    await train(model, 1);
    const groups = takesGroups(to) ? { groups: (channels: number) => channels / 2 } : {};
    const { replaced } = norm.replaceNormalization(model, {
      from: BN,
      to,
      ...groups,
      ...required[to],
    });
    expect(replaced).toEqual([{ name: 'bn', from: BN, to }]);
    const losses = await train(model, 6);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    await saveAndLoad(model, (loaded) => {
      expectSameBits('predictions', predictions(loaded), predictions(model));
    });
    // And back again.
    norm.replaceNormalization(model, { from: to, to: BN });
    expect(findLayer(model, 'bn')).toBeInstanceOf(norm.layers.BatchNormalization);
    model.dispose();
  });
});

test.each(Object.entries(ofSeveral))(
  'to %s, which is of several tensors: refused, nothing changed',
  (to, [args, message]) => {
    const model = functional();
    const replace = () => norm.replaceNormalization(model, { from: BN, to, ...args });
    expect(replace).toThrow(/layer 'bn'/);
    expect(replace).toThrow(message);
    expect(findLayer(model, 'bn').getClassName()).toBe(BN);
    model.dispose();
  },
);

test('moving statistics are copied where both kinds keep them', async () => {
  const model = sequential();
  compile(model);
  await train(model);
  const before = weightsOf(model.getLayer('bn'));
  norm.replaceNormalization(model, { from: BN, to: 'SwitchableNormalization' });
  const after = weightsOf(model.getLayer('bn'));
  for (const name of ['gamma', 'beta', 'moving_mean', 'moving_variance']) {
    expect([name, after[name]]).toEqual([name, before[name]]);
  }
  expect(Array.from(after.mean_logits!)).toEqual([1, 1, 1]);
  model.dispose();
});

test('other weights than gamma at one start as their layer has it', async () => {
  const model = sequential();
  compile(model);
  await train(model);
  const to = 'SwitchableNormalization';
  norm.replaceNormalization(model, { from: BN, to, lastGamma: true, betaInitializer: 'ones' });
  const { gamma, beta } = weightsOf(model.getLayer('bn'));
  expect(Array.from(gamma!)).toEqual(new Array(6).fill(0));
  expect(Array.from(beta!)).toEqual(new Array(6).fill(1));
  model.dispose();
});

test('masks pass through the new layer', () => {
  const model = tf.sequential({
    layers: [
      tf.layers.masking({ inputShape: [4, 6] }),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.simpleRNN({
        units: 3,
        kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      }),
    ],
  });
  norm.replaceNormalization(model, { from: BN, to: 'LayerNormalization' });
  tf.tidy(() => {
    const x = normal([2, 4, 6], 1);
    // The last two steps are masked: other values there would change the result, these do not.
    x.data.fill(0, 12, 24);
    const short = tensor({ shape: [1, 2, 6], data: x.data.slice(0, 12) });
    const padded = tensor({ shape: [1, 4, 6], data: x.data.slice(0, 24) });
    const unpadded = short.concat(short.slice([0, 0, 0], [1, 2, 6]), 1) as Tensor;
    const run = (input: Tensor) => (model.predict(input) as Tensor).dataSync();
    const rnn = model.layers[2]!;
    const ln = model.layers[1]!;
    const want = (rnn.apply(ln.apply(short) as Tensor) as Tensor).dataSync();
    expectClose('masked', run(padded), want);
    expect(Array.from(run(unpadded))).not.toEqual(Array.from(want));
  });
  model.dispose();
});

test('in TimeDistributed', async () => {
  const make = () =>
    tf.sequential({
      layers: [
        tf.layers.timeDistributed({
          layer: tf.layers.batchNormalization({ name: 'bn' }),
          inputShape: [3, 5, 6],
        }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1 }),
      ],
    });
  const model = make();
  const names = model.weights.map((w) => w.originalName);
  norm.replaceNormalization(model, { from: BN, to: 'InstanceNormalization' });
  expect(model.weights.map((w) => w.originalName)).toEqual(
    names.filter((name) => !name.includes('moving_')),
  );
  tf.tidy(() => {
    const x = tensor(normal([2, 3, 5, 6], 1));
    const got = model.layers[0]!.apply(x) as Tensor;
    const flat = norm.ops.instanceNorm(x.reshape([6, 5, 6]));
    expectClose('y', got, flat.dataSync());
  });
  compile(model);
  const x = tensor(normal([8, 3, 5, 6], 2));
  const y = tf.ones([8, 1]);
  const { history } = await model.fit(x, y, { epochs: 3, verbose: 0 });
  expect((history.loss as number[]).at(-1)).toBeLessThan(history.loss![0] as number);
  tf.dispose([x, y]);
  model.dispose();
});
