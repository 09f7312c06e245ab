/** Allocations and launches that fail: an error that says so, nothing lost, and the next call works. */

import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { addon } from '../support/addon';
import { asked } from '../support/askedDevice';
import { everyOp } from '../support/everyOp';
import { expectSameBits } from '../support/expectClose';
import { disposeLayer, memory } from '../support/tensors';

const describeEmulated = asked === 'emulated' ? describe : describe.skip;

describeEmulated.each(everyOp)('$name', ({ op }) => {
  let x: Tensor;
  let dy: Tensor;
  beforeAll(() => {
    x = tf.randomNormal([3, 4, 5, 6], 0, 1, 'float32', 1);
    dy = tf.randomNormal([3, 4, 5, 6], 0, 1, 'float32', 2);
  });
  afterAll(() => tf.dispose([x, dy]));
  afterEach(() => {
    addon().injectFault('allocation', -1);
    addon().injectFault('launch', -1);
  });

  const forward = () => op(x);
  const both = () => tf.grad((t: Tensor) => op(t))(x, dy);

  test.each([
    ['allocation', 'forward', forward],
    ['allocation', 'forward and backward', both],
    ['launch', 'forward', forward],
    ['launch', 'forward and backward', both],
  ] as const)('each %s of %s in turn', (kind, _, call) => {
    const want = call();
    norm.resetCounters();
    call().dispose();
    const { allocations, launches } = norm.counters();
    const points = kind === 'allocation' ? allocations : launches;
    expect(points).toBeGreaterThan(0);
    const before = memory();
    for (let after = 0; after < points; after++) {
      addon().injectFault(kind, after);
      expect(call).toThrow(/Tfjs\w+.*(resource exhausted|out of memory|injected|memory)/is);
      expect(memory()).toEqual(before);
      const again = call();
      expectSameBits('the call after it', again, want);
      again.dispose();
      expect(memory()).toEqual(before);
    }
    want.dispose();
  });
});

describeEmulated('a batchNormalization layer whose op fails', () => {
  test('keeps its weights and moving statistics', () => {
    const layer = norm.layers.batchNormalization({ momentum: 0.5 });
    tf.tidy(() => {
      const x = tf.randomNormal([4, 3, 6], 2, 3);
      layer.apply(x, { training: true });
      const weights = layer.getWeights().map((w) => Float32Array.from(w.dataSync()));
      const tensors = tf.memory().numTensors;
      addon().injectFault('allocation', 0);
      expect(() => layer.apply(x, { training: true })).toThrow(/Tfjs/);
      expect(tf.memory().numTensors).toBe(tensors);
      for (const [i, w] of layer.getWeights().entries()) {
        expectSameBits(`weight ${i}`, w, weights[i]!);
      }
      layer.apply(x, { training: true });
    });
    disposeLayer(layer);
  });
});

describe('a batchNormalization layer given bad data', () => {
  test('keeps its weights and moving statistics', () => {
    const layer = norm.layers.batchNormalization({ virtualBatchSize: 2 });
    tf.tidy(() => {
      const x = tf.randomNormal([4, 3, 6], 2, 3);
      layer.apply(x, { training: true });
      const weights = layer.getWeights().map((w) => Float32Array.from(w.dataSync()));
      const odd = tf.ones([3, 3, 6]);
      const tensors = tf.memory().numTensors;
      expect(() => layer.apply(odd, { training: true })).toThrow(/virtualBatchSize/);
      expect(tf.memory().numTensors).toBe(tensors);
      for (const [i, w] of layer.getWeights().entries()) {
        expectSameBits(`weight ${i}`, w, weights[i]!);
      }
    });
    disposeLayer(layer);
  });
});
