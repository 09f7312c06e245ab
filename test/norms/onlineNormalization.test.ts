import type { io, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { addon } from '../support/addon';
import { normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { readGolden } from '../support/golden';
import { online } from '../support/onlineReference';
import { instancePartition } from '../support/reference';
import { constant } from '../support/table';
import { disposeLayer, memory, tensor } from '../support/tensors';

type Layer = InstanceType<typeof norm.layers.OnlineNormalization>;
const layerOf = (args: object = {}): Layer => norm.layers.onlineNormalization(args);
const STATES = ['moving_mean', 'moving_variance', 'control_u', 'control_v'];

const bits = (layer: { getWeights(): Tensor[] }) =>
  layer.getWeights().map((weight) => Float32Array.from(weight.dataSync()));
const states = (layer: { getWeights(): Tensor[] }) => layer.getWeights().slice(-4);

/** y and dx of a step, which is one call and one backward pass. */
function step(layer: Layer, x: Tensor, dy: Tensor, training = true) {
  const f = (t: Tensor) => layer.apply(t, { training }) as Tensor;
  return tf.valueAndGrad(f)(x, dy);
}

/** Runs `body` on a layer that is built for [null, 4, 4, 3]. */
function withLayer(args: object, body: (layer: Layer) => void): void {
  const layer = layerOf(args);
  tf.tidy(() => {
    layer.build([null, 4, 4, 3]);
    body(layer);
  });
  disposeLayer(layer);
}

const X = normal([5, 4, 4, 3], 1, { mean: 0.5, deviation: 1.5 });
const DY = normal([5, 4, 4, 3], 2);

test('the golden sequence, one step of the layer after the other', () => {
  const steps = readGolden('online_norm.json').filter(({ name }) => name.startsWith('sequence'));
  const { attrs, inputs: first } = steps[0]!;
  const layer = layerOf({
    errorCompensation: attrs.ecm,
    alphaForward: attrs.alphaFwd,
    alphaBackward: attrs.alphaBwd,
  });
  tf.tidy(() => {
    layer.build([null, 2, 3, 3]);
    const start = [first.mu!, first.var!, first.u!, first.v!].map(tensor);
    layer.setWeights([...layer.getWeights().slice(0, 2), ...start]);
    for (const { inputs, outputs, grads, gradOutput } of steps) {
      const affine = [tensor(inputs.gamma!), tensor(inputs.beta!)];
      layer.setWeights([...affine, ...states(layer)]);
      const { value, grad } = step(layer, tensor(inputs.x!), tensor(gradOutput));
      expectClose('y', value, outputs.y!.data);
      expectClose('dx', grad, grads.x!.data);
      const want = [outputs.newMu!, outputs.newVar!, outputs.newU!, outputs.newV!];
      states(layer).forEach((state, i) => {
        expectClose(STATES[i]!, state, want[i]!.data);
      });
    }
  });
  disposeLayer(layer);
});

test('a training call moves the statistics, its backward pass the control process', () => {
  withLayer({}, (layer) => {
    const want = online(X.data, instancePartition(X.shape, {}), {}, { epsilon: 1e-5 });
    const gradients = want.gradients(DY.data);
    const fresh = bits(layer).slice(-2);
    expectClose('y', layer.apply(tensor(X), { training: true }) as Tensor, want.y);
    const [mean, variance, u, v] = states(layer);
    expectClose('mean', mean!, want.mean);
    expectClose('variance', variance!, want.variance);
    expectSameBits('u', u!, fresh[0]!);
    expectSameBits('v', v!, fresh[1]!);
    layer.setWeights([
      ...layer.getWeights().slice(0, 2),
      ...[0, 1, 0, 0].map((s) => tf.fill([3], s)),
    ]);
    expectClose('dx', step(layer, tensor(X), tensor(DY)).grad, gradients.x);
    expectClose('u', states(layer)[2]!, gradients.u);
    expectClose('v', states(layer)[3]!, gradients.v);
  });
});

test('inference uses the moving statistics and changes nothing', () => {
  const args = {
    errorCompensation: 'none',
    movingMeanInitializer: constant(2),
    movingVarianceInitializer: constant(4),
    epsilon: 1e-3,
  };
  withLayer(args, (layer) => {
    const before = bits(layer);
    const { value, grad } = step(layer, tensor(X), tensor(DY), false);
    const sigma = Math.sqrt(4 + 1e-3);
    expectClose(
      'y',
      value,
      X.data.map((x) => (x - 2) / sigma),
    );
    expectClose(
      'dx',
      grad,
      DY.data.map((g) => g / sigma),
    );
    expect(bits(layer)).toEqual(before);
  });
});

describe('a frozen layer is in inference mode', () => {
  test('by its own trainable', () => {
    for (const args of [{}, { scale: false, center: false }]) {
      withLayer({ ...args, trainable: false }, (layer) => {
        const before = bits(layer);
        const { value, grad } = step(layer, tensor(X), tensor(DY));
        const inferred = step(layer, tensor(X), tensor(DY), false);
        expectSameBits('y', value, inferred.value);
        expectSameBits('dx', grad, inferred.grad);
        expect(bits(layer)).toEqual(before);
      });
    }
  });

  test('by its model', async () => {
    const model = tf.sequential({
      layers: [tf.layers.inputLayer({ inputShape: [4, 4, 3] }), layerOf({ name: 'online' })],
    });
    const [x, y] = [tensor(X), tensor(DY)];
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const before = bits(model);
    model.trainable = false;
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    tf.tidy(() => void model.getLayer('online').apply(x, { training: true }));
    expect(bits(model)).toEqual(before);
    tf.dispose([x, y]);
    model.dispose();
  });
});

describe('updateStates', () => {
  test('false: a step leaves every state as it was, and repeats', () => {
    withLayer({}, (layer) => {
      step(layer, tensor(X), tensor(DY));
      const before = bits(layer);
      layer.updateStates = false;
      const first = step(layer, tensor(X), tensor(DY));
      const second = step(layer, tensor(X), tensor(DY));
      expect(bits(layer)).toEqual(before);
      layer.updateStates = true;
      const third = step(layer, tensor(X), tensor(DY));
      for (const { value, grad } of [second, third]) {
        expectSameBits('y', value, first.value);
        expectSameBits('dx', grad, first.grad);
      }
      for (const [i, state] of states(layer).entries()) {
        expect(Float32Array.from(values(state))).not.toEqual(before.at(i - 4));
      }
      expect(layer.getConfig()).not.toHaveProperty('updateStates');
    });
  });

  test('a recomputed step is a step: held for the first call, not for the second', () => {
    let plain: Float32Array[] = [];
    withLayer({}, (layer) => {
      step(layer, tensor(X), tensor(DY));
      plain = bits(layer);
    });
    withLayer({}, (layer) => {
      layer.updateStates = false;
      const y = layer.apply(tensor(X), { training: true }) as Tensor;
      layer.updateStates = true;
      expectSameBits('y', step(layer, tensor(X), tensor(DY)).value, y);
      expect(bits(layer)).toEqual(plain);
    });
  });

  test('a backward pass goes by the flag at its call', () => {
    withLayer({}, (layer) => {
      const f = (t: Tensor) => {
        layer.updateStates = false;
        const y = layer.apply(t, { training: true }) as Tensor;
        layer.updateStates = true;
        return y;
      };
      const before = bits(layer);
      tf.grad(f)(tensor(X), tensor(DY));
      expect(bits(layer)).toEqual(before);
    });
  });
});

test('called several times in a step: statistics in the order of calls, control in reverse', () => {
  const parts = [0, 1, 2].map((n) => normal([2, 4, 4, 3], 31 + n));
  const dys = [0, 1, 2].map((n) => normal([2, 4, 4, 3], 41 + n));
  const gradients: Tensor[] = [];
  let after: Float32Array[] = [];
  tf.tidy(() => {
    withLayer({}, (layer) => {
      const f = (...xs: Tensor[]) =>
        tf.concat(xs.map((x) => layer.apply(x, { training: true }) as Tensor));
      const dy = tf.concat(dys.map(tensor));
      gradients.push(
        ...tf
          .grads(f)(parts.map(tensor), dy)
          .map((grad) => tf.keep(grad)),
      );
      after = bits(layer);
    });
    // The same by hand: all calls forward, then a step of each from the last on, with the statistics it saw.
    withLayer({}, (layer) => {
      const seen = parts.map((x) => {
        const before = states(layer).slice(0, 2);
        const kept = before.map((state) => state.clone());
        layer.apply(tensor(x), { training: true });
        return kept;
      });
      const moved = states(layer)
        .slice(0, 2)
        .map((state) => state.clone());
      for (const n of [2, 1, 0]) {
        const [gamma, beta, , , u, v] = layer.getWeights();
        layer.setWeights([gamma!, beta!, ...seen[n]!, u!, v!]);
        const { grad } = step(layer, tensor(parts[n]!), tensor(dys[n]!));
        expectSameBits(`dx of call ${n}`, gradients[n]!, grad);
      }
      const [, , , , u, v] = layer.getWeights();
      [...moved, u!, v!].forEach((state, i) => {
        expectSameBits(STATES[i]!, after.at(i - 4)!, state);
      });
    });
    tf.dispose(gradients);
  });
});

test('batch and extents may change from step to step, down to one value', () => {
  withLayer({}, (layer) => {
    layer.inputSpec = [];
    let given: { mean?: Float64Array; variance?: Float64Array; u?: Float64Array } = {};
    for (const [i, shape] of [
      [5, 4, 4, 3],
      [1, 4, 4, 3],
      [2, 1, 1, 3],
      [7, 6, 2, 3],
      [1, 1, 1, 3],
    ].entries()) {
      const [x, dy] = [normal(shape, 50 + i), normal(shape, 60 + i)];
      const want = online(x.data, instancePartition(shape, {}), {}, { epsilon: 1e-5 }, given);
      const gradients = want.gradients(dy.data);
      const { value, grad } = step(layer, tensor(x), tensor(dy));
      expectClose(`y of step ${i}`, value, want.y);
      expectClose(`dx of step ${i}`, grad, gradients.x);
      given = { mean: want.mean, variance: want.variance, u: gradients.u, v: gradients.v } as never;
    }
  });
});

test('an empty batch leaves the states', () => {
  withLayer({}, (layer) => {
    step(layer, tensor(X), tensor(DY));
    const before = bits(layer);
    const { value, grad } = step(layer, tf.zeros([0, 4, 4, 3]), tf.zeros([0, 4, 4, 3]));
    expect([value.shape, grad.shape]).toEqual([
      [0, 4, 4, 3],
      [0, 4, 4, 3],
    ]);
    expect(bits(layer)).toEqual(before);
  });
});

describe('preciseStates', () => {
  test('states are [2, C], of the initializers in their first row', () => {
    const args = { preciseStates: true, movingMeanInitializer: constant(4) };
    withLayer(args, (layer) => {
      const [mean, variance, u] = states(layer).map((state) => state.arraySync());
      const zeros = [0, 0, 0];
      expect(mean).toEqual([[4, 4, 4], zeros]);
      expect(variance).toEqual([[1, 1, 1], zeros]);
      expect(u).toEqual([zeros, zeros]);
    });
  });

  test('statistics follow where those of float32 stand still', () => {
    // The mean moves by 0.3 / 1000, less than half of what float32 tells apart around 1e4.
    const target = Math.fround(10_000.3);
    const reached = [false, true].map((preciseStates) => {
      let mean = 0;
      withLayer({ preciseStates, movingMeanInitializer: constant(10_000) }, (layer) => {
        const x = tf.fill([1, 4, 4, 3], target);
        for (let i = 0; i < 500; i++) tf.dispose(layer.apply(x, { training: true }) as Tensor);
        const [high, , , low = 0] = values(states(layer)[0]!) as Float32Array;
        mean = high! + low;
      });
      return mean;
    });
    expect(reached[0]).toBe(10_000);
    expect(reached[1]).toBeCloseTo(10_000 + (target - 10_000) * (1 - 0.999 ** 500), 5);
  });
});

test.each([false, true])(
  'saved and loaded with all its states, preciseStates %s',
  async (preciseStates) => {
    const model = tf.sequential({
      layers: [
        tf.layers.inputLayer({ inputShape: [4, 4, 3] }),
        layerOf({ preciseStates, name: 'online' }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotNormal({ seed: 3 }) }),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(1e-3), loss: 'meanSquaredError' });
    const [x, y] = [tensor(X), tf.ones([5, 1])];
    await model.fit(x, y, { epochs: 2, batchSize: 2, shuffle: false, verbose: 0 });
    let saved: io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved!));
    expect(bits(loaded)).toEqual(bits(model));
    for (const state of states(model.getLayer('online'))) {
      expect(new Set(values(state) as Float32Array).size).toBeGreaterThan(1);
    }
    loaded.compile({ optimizer: tf.train.sgd(1e-3), loss: 'meanSquaredError' });
    for (const one of [model, loaded]) {
      await one.fit(x, y, { epochs: 1, batchSize: 2, shuffle: false, verbose: 0 });
    }
    expect(bits(loaded)).toEqual(bits(model));
    tf.dispose([x, y]);
    model.dispose();
    loaded.dispose();
  },
);

(asked === 'emulated' ? test : test.skip)('a step that fails leaves every state', () => {
  withLayer({}, (layer) => {
    const [x, dy] = [tensor(X), tensor(DY)];
    step(layer, x, dy);
    norm.resetCounters();
    step(layer, x, dy);
    const { launches } = norm.counters();
    expect(launches).toBe(7);
    for (let after = 0; after < launches; after++) {
      const before = bits(layer);
      const held = memory();
      addon().injectFault('launch', after);
      try {
        expect(() => tf.tidy(() => void step(layer, x, dy))).toThrow(/injected fault/);
      } finally {
        addon().injectFault('launch', -1);
      }
      expect(memory()).toEqual(held);
      const now = bits(layer);
      // The call itself succeeds where its backward pass fails.
      const untouched = after < 3 ? [0, 1, 2, 3, 4, 5] : [0, 1, 4, 5];
      for (const i of untouched) expectSameBits(`weight ${i}`, now[i]!, before[i]!);
    }
  });
});
