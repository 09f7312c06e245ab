/** What a call allocates, by the native counters, and how many kernels it launches. */

import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { asked, native } from '../support/askedDevice';
import { everyOp } from '../support/everyOp';

const SHAPE = [4, 24, 24, 48];
const BYTES = 4 * 4 * 24 * 24 * 48;
/** Rows of the row ops, [N, C] pairs of the others: what "O(N C)" counts here. */
const PAIRS = { layerNorm: 4 * 24 * 24, rmsNorm: 4 * 24 * 24 } as Record<string, number>;
const PER_PAIR = 64;
// Partial sums that blocks or threads leave for the merge: bounded by the device, not by the tensor.
const PARTIALS = 1 << 20;

function counted<T extends Tensor>(call: () => T) {
  norm.resetCounters();
  call().dispose();
  return norm.counters();
}

const describeNative = native ? describe : describe.skip;

describeNative.each(everyOp)('$name', ({ name, op }) => {
  const small = (PAIRS[name] ?? 4 * 48) * PER_PAIR;
  const rows = name in PAIRS;
  let x: Tensor;
  let dy: Tensor;
  let counters: ReturnType<typeof norm.counters>;

  beforeAll(() => {
    x = tf.randomNormal(SHAPE);
    dy = tf.randomNormal(SHAPE);
  });
  afterAll(() => tf.dispose([x, dy]));

  describe('forward', () => {
    beforeAll(() => {
      counters = counted(() => op(x));
    });

    test('is one native op call', () => {
      expect(counters.opCalls).toBe(1);
      expect(Object.values(counters.calls)).toEqual([1]);
    });

    test('allocates its output and little else', () => {
      expect(counters.outputBytes).toBeGreaterThanOrEqual(BYTES);
      expect(counters.outputBytes - BYTES).toBeLessThanOrEqual(small);
      expect(counters.tempBytes).toBeLessThanOrEqual(small + PARTIALS);
      expect(counters.liveBytes).toBe(0);
    });

    (asked === 'emulated' ? test : test.skip)('launches few kernels', () => {
      expect(counters.launches).toBeGreaterThan(0);
      expect(counters.launches).toBeLessThanOrEqual(rows ? 1 : 3);
    });
  });

  describe('backward', () => {
    let backward: Omit<typeof counters, 'calls'>;
    beforeAll(() => {
      // tf.grad runs forward and backward; what forward alone takes is known.
      const both = counted(() => tf.grad((t: Tensor) => op(t))(x, dy));
      const forward = counted(() => op(x));
      const numbers = Object.entries(both).filter(([, value]) => typeof value === 'number');
      backward = Object.fromEntries(
        numbers.map(([key, value]) => [
          key,
          (value as number) - (forward[key as 'launches'] as number),
        ]),
      ) as never;
    });

    test('is one native op call', () => {
      expect(backward.opCalls).toBe(1);
    });

    test('allocates dx and little else', () => {
      expect(backward.outputBytes).toBeGreaterThanOrEqual(BYTES);
      expect(backward.outputBytes - BYTES).toBeLessThanOrEqual(small);
      expect(backward.tempBytes).toBeLessThanOrEqual(small + PARTIALS);
    });

    (asked === 'emulated' ? test : test.skip)('launches few kernels', () => {
      expect(backward.launches).toBeGreaterThan(0);
      expect(backward.launches).toBeLessThanOrEqual(3);
    });
  });
});

(native ? test.skip : test)('composed: the native counters stay at zero', () => {
  norm.resetCounters();
  tf.tidy(() => void everyOp[1]!.op(tf.ones([2, 3, 6])));
  expect(norm.counters()).toMatchObject({ opCalls: 0, launches: 0, outputBytes: 0, liveBytes: 0 });
});
