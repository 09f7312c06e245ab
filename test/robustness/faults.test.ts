/** Allocations and launches that fail: an error that says so, nothing lost, and the next call works. */

import { types } from 'node:util';
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { addon } from '../support/addon';
import { normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { everyOp } from '../support/everyOp';
import { expectSameBits } from '../support/expectClose';
import { disposeLayer, memory, onBackend, tensor } from '../support/tensors';

const describeEmulated = asked === 'emulated' ? describe : describe.skip;

function expectExhausted(call: () => unknown): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  // The addon's errors are those of the realm outside jest's.
  expect(types.isNativeError(thrown)).toBe(true);
  expect(thrown).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: expect.stringMatching(/Tfjs\w+: .*injected fault/),
  });
}

afterEach(() => {
  if (asked !== 'emulated') return;
  addon().injectFault('allocation', -1);
  addon().injectFault('launch', -1);
});

describeEmulated.each(everyOp)('$name', ({ op }) => {
  describe.each(['tensorflow', 'cpu'])('on backend %s', (backend) => {
    const forward = (x: Tensor) => op(x);
    const both = (x: Tensor, dy: Tensor) => tf.grad((t: Tensor) => op(t))(x, dy);

    test.each([
      ['allocation', 'forward', forward],
      ['allocation', 'forward and backward', both],
      ['launch', 'forward', forward],
      ['launch', 'forward and backward', both],
    ] as const)('each %s of %s in turn', async (kind, _, of) => {
      await onBackend(backend, () => {
        const x = tensor(normal([3, 4, 5, 6], 1));
        const dy = tensor(normal([3, 4, 5, 6], 2));
        const call = () => of(x, dy);
        const want = call();
        norm.resetCounters();
        call().dispose();
        const { allocations, launches } = norm.counters();
        const points = kind === 'allocation' ? allocations : launches;
        expect(points).toBeGreaterThan(0);
        const before = memory();
        for (let after = 0; after < points; after++) {
          addon().injectFault(kind, after);
          expectExhausted(call);
          expect(memory()).toEqual(before);
          const again = call();
          expectSameBits('the call after it', again, want);
          again.dispose();
          expect(memory()).toEqual(before);
        }
        tf.dispose([x, dy, want]);
      });
    });
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
      expectExhausted(() => layer.apply(x, { training: true }));
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
