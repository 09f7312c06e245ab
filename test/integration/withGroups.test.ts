/** Optimizers with groups: the same steps as plain tfjs ones, multiplied and decayed; configuration, saving, memory. */
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { asked } from '../support/askedDevice';
import { expectClose, expectSameBits } from '../support/expectClose';
import { saveAndLoad } from '../support/models';
import { expectNoLeak } from '../support/tensors';

// Plain tfjs: nothing here depends on the device.
const testOnce = asked === 'host' ? test : test.skip;

const { fixupGroups, withGroups } = norm.optimizers;
const START = [1, -2, 3];
let made = 0;

/** The weight after some steps, whose gradient is weight * coefficients; `alone`: the gradient, for a plain optimizer. */
function trained(optimizer: Optimizer, steps: number, alone = (_: Tensor, g: Tensor) => g) {
  return tf.tidy(() => {
    const weight = tf.variable(tf.tensor1d(START), true, `groups_${made++}/kernel`);
    const coefficients = tf.tensor1d([0.5, 1, -0.25]);
    for (let i = 0; i < steps; i++) {
      const gradient = alone(weight, tf.mul(weight, coefficients));
      optimizer.applyGradients({ [weight.name]: gradient } as never);
    }
    const values = Float32Array.from(weight.dataSync());
    weight.dispose();
    return values;
  });
}

const optimizers: [string, () => Optimizer][] = [
  ['sgd', () => tf.train.sgd(0.1)],
  ['momentum', () => tf.train.momentum(0.1, 0.9)],
  ['nesterov', () => tf.train.momentum(0.1, 0.9, true)],
  ['adagrad', () => tf.train.adagrad(0.1)],
  ['adadelta', () => tf.train.adadelta(0.5)],
  ['adam', () => tf.train.adam(0.1)],
  ['adamax', () => tf.train.adamax(0.1)],
  ['rmsprop', () => tf.train.rmsprop(0.1)],
];

(asked === 'host' ? describe : describe.skip).each(optimizers)('%s', (name, make) => {
  const proportional = ['sgd', 'momentum', 'nesterov'].includes(name);

  test('without groups, and with groups of others, the steps are its own, bit for bit', () => {
    const want = trained(make(), 4);
    for (const groups of [[], [{ match: 'bias', lrMultiplier: 0, weightDecay: 1 }]]) {
      expectSameBits('weight', trained(withGroups(make(), groups), 4), want);
    }
  });

  test('weight decay is added to the gradient', () => {
    const want = trained(make(), 4, (w, g) => tf.add(g, tf.mul(w, 0.25)));
    const groups = [{ match: /kernel$/, weightDecay: 0.25 }];
    expectSameBits('weight', trained(withGroups(make(), groups), 4), want);
  });

  test('the multiplier multiplies the step', () => {
    // One step from the same place: the same direction, a tenth as long.
    const whole = trained(make(), 1).map((v, i) => v - START[i]!);
    const part = trained(withGroups(make(), [{ match: '', lrMultiplier: 0.1 }]), 1);
    expectClose(
      'step',
      part.map((v, i) => v - START[i]!),
      whole.map((v) => 0.1 * v),
      { absolute: 1e-6 },
    );
    if (!proportional) return;
    // And every step after it, as with a tenth of the learning rate.
    const slower = {
      sgd: tf.train.sgd(0.01),
      momentum: tf.train.momentum(0.01, 0.9),
      nesterov: tf.train.momentum(0.01, 0.9, true),
    }[name]!;
    const four = trained(withGroups(make(), [{ match: '', lrMultiplier: 0.1 }]), 4);
    expectClose('weight', four, trained(slower, 4), { absolute: 1e-6 });
  });

  test('with multiplier 0 the weights stay', () => {
    const groups = [{ match: 'kernel', lrMultiplier: 0, weightDecay: 1 }];
    expectSameBits('weight', trained(withGroups(make(), groups), 3), Float32Array.from(START));
  });

  test('keeps groups and base through getConfig and JSON', () => {
    const groups = [
      { match: /(bias|scale_1)[^/]*$/i, lrMultiplier: 0.1, weightDecay: 0.5 },
      { match: 'stage_1/kernel', lrMultiplier: 2, weightDecay: 0 },
    ];
    const optimizer = withGroups(make(), groups);
    const config = JSON.parse(JSON.stringify(optimizer.getConfig()));
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap.GroupedOptimizer!;
    const again = from(type as never, config) as typeof optimizer;
    expect(again.groups).toEqual(groups);
    expect(again.base.getClassName()).toBe(optimizer.base.getClassName());
    expect(again.base.getConfig()).toEqual(optimizer.base.getConfig());
    optimizer.dispose();
    again.dispose();
  });
});

testOnce('the first group that matches counts, also with a flag that remembers', () => {
  const optimizer = withGroups(tf.train.sgd(0.1), [
    { match: /kernel/g, lrMultiplier: 2 },
    { match: 'a/', lrMultiplier: 3 },
    { match: '', weightDecay: 1 },
  ]);
  const of = (name: string) => optimizer.settingsOf(name);
  for (const name of ['a/kernel', 'b/kernel', 'c/kernel']) expect(of(name).lrMultiplier).toBe(2);
  expect(of('a/bias')).toMatchObject({ lrMultiplier: 3, weightDecay: 0 });
  expect(of('b/bias')).toMatchObject({ lrMultiplier: 1, weightDecay: 1 });
  optimizer.dispose();
});

testOnce('a list of gradients, of which some are missing', () => {
  const optimizer = withGroups(tf.train.momentum(0.5, 0.9), [{ match: 'list', lrMultiplier: 0.5 }]);
  const [a, b] = ['list_a', 'list_b'].map((name) => tf.variable(tf.tensor1d([1]), true, name)) as [
    Variable,
    Variable,
  ];
  const gradient = tf.tensor1d([2]);
  optimizer.applyGradients([
    { name: a.name, tensor: gradient },
    { name: b.name, tensor: null as never },
  ]);
  expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([0.5, 1]);
  expect(optimizer.iterations).toBe(1);
  optimizer.dispose();
  tf.dispose([a, b, gradient]);
});

const model = () => {
  const made = tf.sequential({
    layers: [
      tf.layers.dense({
        name: 'first_layer',
        units: 3,
        inputShape: [2],
        kernelInitializer: 'ones',
      }),
      tf.layers.dense({ name: 'second', units: 1, kernelInitializer: 'ones' }),
    ],
  });
  return made;
};

testOnce(
  'in model.fit; saved with the model, it trains on as if nothing had happened',
  async () => {
    const groups = [
      { match: 'first_layer/', lrMultiplier: 0.5 },
      { match: /bias$/, lrMultiplier: 0 },
    ];
    const [x, y] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.ones([2, 1])];
    const fit = async (of: ReturnType<typeof model>) => {
      await of.fit(x, y, { epochs: 2, shuffle: false, verbose: 0 });
      return of.getWeights().map((weight) => [...weight.dataSync()]);
    };
    const own = model();
    own.compile({
      optimizer: withGroups(tf.train.momentum(0.01, 0.9), groups),
      loss: 'meanSquaredError',
    });
    const after = await fit(own);
    expect(after[3]).toEqual([0]);
    expect(after[1]).not.toEqual([0, 0, 0]);
    expect(after[0]).not.toEqual([1, 1, 1, 1, 1, 1]);
    const handler = await new Promise<Parameters<typeof tf.loadLayersModel>[0]>((resolve) => {
      void own.save(
        tf.io.withSaveHandler(async (artifacts) => {
          const saved = JSON.parse(JSON.stringify({ ...artifacts, weightData: null }));
          const { weightData } = artifacts;
          resolve(tf.io.fromMemory({ ...saved, weightData } as never));
          return { modelArtifactsInfo: {} as never };
        }),
        { includeOptimizer: true },
      );
    });
    const loaded = (await tf.loadLayersModel(handler)) as ReturnType<typeof model>;
    const optimizer = loaded.optimizer as ReturnType<typeof withGroups>;
    expect(optimizer.getClassName()).toBe('GroupedOptimizer');
    expect(optimizer.groups.map(({ match }) => match)).toEqual(groups.map(({ match }) => match));
    const names = loaded.weights.map(({ originalName }) => originalName);
    expect(names.map((name) => optimizer.settingsOf(name).lrMultiplier)).toEqual([0.5, 0.5, 1, 0]);
    expect(await fit(loaded)).toEqual(await fit(own));
    for (const one of [own, loaded]) {
      one.optimizer.dispose();
      one.dispose();
    }
    tf.dispose([x, y]);
  },
);

testOnce('a schedule changes the learning rate of the base', async () => {
  const optimizer = withGroups(tf.train.momentum(0.5, 0.9), [{ match: 'bias', lrMultiplier: 0 }]);
  norm.schedules.setLearningRate(optimizer, 0.25);
  expect(optimizer.base.getConfig()).toMatchObject({ learningRate: 0.25, momentum: 0.9 });
  optimizer.dispose();
});

testOnce('model files without their optimizer load too', async () => {
  const own = model();
  own.compile({
    optimizer: withGroups(tf.train.sgd(0.1), fixupGroups()),
    loss: 'meanSquaredError',
  });
  await saveAndLoad(own, (loaded) => expect(loaded.layers).toHaveLength(2));
  own.dispose();
});

testOnce.each(optimizers.filter(([name]) => ['sgd', 'adam'].includes(name)))(
  '%s: steps leave nothing',
  async (_, make) => {
    const optimizer = withGroups(make(), [{ match: '', lrMultiplier: 0.5, weightDecay: 0.1 }]);
    const weight = tf.variable(tf.tensor1d(START), true, `groups_${made++}/kernel`);
    const step = () => tf.dispose(optimizer.minimize(() => tf.sum(tf.square(weight)), true)!);
    step();
    await expectNoLeak(() => {
      for (let i = 0; i < 5; i++) step();
    });
    optimizer.dispose();
    weight.dispose();
  },
);

testOnce("the authors' groups", () => {
  const of = (options?: object) => {
    const optimizer = withGroups(tf.train.sgd(0.1), fixupGroups(options));
    const names = ['stage1_block1/bias1a', 'downscale/kernel', 'classifier/bias', 'b/scale'];
    const settings = names.map((name) => {
      const { lrMultiplier, weightDecay } = optimizer.settingsOf(name);
      return [lrMultiplier, weightDecay];
    });
    optimizer.dispose();
    return settings;
  };
  expect(of()).toEqual([
    [0.1, 1e-4],
    [1, 1e-4],
    [0.1, 1e-4],
    [0.1, 1e-4],
  ]);
  const other = { scalarLrMultiplier: 0.5, weightDecay: 0.01, decayScalars: false };
  expect(of(other).slice(0, 2)).toEqual([
    [0.5, 0],
    [1, 0.01],
  ]);
});

const sgd = tf.train.sgd(0.1);
testOnce.each<[unknown, unknown, RegExp]>([
  [null, [], /^withGroups: base must be an optimizer/],
  ['sgd', [], /^withGroups: base must be an optimizer.*'sgd'/],
  [sgd, { match: '' }, /^withGroups: groups must be a list/],
  [sgd, [{}], /^withGroups: groups\[0\]\.match must be a string or a regular expression/],
  [sgd, [{ match: '', lrMultiplier: -1 }], /groups\[0\]\.lrMultiplier must be a finite number/],
  [sgd, [{ match: '' }, { match: '', weightDecay: Number.NaN }], /groups\[1\]\.weightDecay/],
  [sgd, [{ match: '', decay: 1 }], /groups\[0\]\.decay is not an option/],
])('refuses %p, %j', (base, groups, message) => {
  expect(() => withGroups(base as never, groups as never)).toThrow(message);
});

testOnce.each([
  [{ weightDecay: -1 }, /^fixupGroups: weightDecay/],
  [{ scalarLrMultiplier: Number.POSITIVE_INFINITY }, /^fixupGroups: scalarLrMultiplier/],
])('fixupGroups refuses %j', (options, message) => {
  expect(() => fixupGroups(options)).toThrow(message);
});
