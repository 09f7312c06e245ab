/** What a call allocates, by the native counters, and how many kernels it launches. */

import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { asked, native } from '../support/askedDevice';
import { everyOp } from '../support/everyOp';

const SHAPE = [8, 64, 64, 66];
const BYTES = 4 * 8 * 64 * 64 * 66;
const PER_PAIR = 16;
/** Of kernels: a pass, coefficients, a pass. */
const PASSES = { forward: 3, backward: 3 };
// Partial sums that blocks or threads leave for the merge; in double on the host.
const PARTIALS = asked === 'host' ? 1 / 4 : 1 / 8;

function counted<T extends Tensor>(call: () => T) {
  norm.resetCounters();
  call().dispose();
  return norm.counters();
}

const describeNative = native ? describe : describe.skip;

describeNative.each(everyOp)(
  '$name',
  ({ op, rows = false, launches = PASSES, perPair = PER_PAIR }) => {
    // Rows of the row ops, [N, C] pairs of the others: what "O(N C)" counts here.
    const small = (rows ? 8 * 64 * 64 : 8 * 66) * perPair;
    let x: Tensor;
    let dy: Tensor;
    let counters: ReturnType<typeof norm.counters>;

    beforeAll(() => {
      x = tf.ones(SHAPE);
      dy = tf.ones(SHAPE);
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
        expect(counters.tempBytes).toBeLessThanOrEqual(small + PARTIALS * BYTES);
        expect(counters.liveBytes).toBe(0);
      });

      (asked === 'emulated' ? test : test.skip)('launches few kernels', () => {
        expect(counters.launches).toBeGreaterThan(0);
        expect(counters.launches).toBeLessThanOrEqual(launches.forward);
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
        expect(backward.tempBytes).toBeLessThanOrEqual(small + PARTIALS * BYTES);
      });

      (asked === 'emulated' ? test : test.skip)('launches few kernels', () => {
        expect(backward.launches).toBeGreaterThan(0);
        expect(backward.launches).toBeLessThanOrEqual(launches.backward);
      });
    });
  },
);

// Few wide rows: a part of the parameter gradients per row would outweigh dx.
const rowOps = {
  layerNorm: norm.ops.layerNorm,
  rmsNorm: norm.ops.rmsNorm,
};
describeNative.each(
  Object.entries(rowOps).flatMap(([name, op]) =>
    [
      [128, 4096],
      [64, 8192],
      [8, 16384],
    ].map(([rows, columns]) => ({ name, op, rows: rows!, columns: columns! })),
  ),
)('$name of [$rows, $columns]', ({ op, rows, columns }) => {
  const bytes = 4 * rows * columns;
  // Two doubles of every 1024 columns of a row; on the host one part is always there.
  const small = rows * (PER_PAIR + columns / 64) + (asked === 'host' ? columns * 2 * 8 : 0);
  let inputs: Tensor[];
  beforeAll(() => {
    inputs = [tf.randomNormal([rows, columns]), tf.randomNormal([columns]), tf.ones([columns])];
  });
  afterAll(() => tf.dispose(inputs));

  test('gradients take little beside themselves', () => {
    const dy = tf.ones([rows, columns]);
    const forward = (x: Tensor, gamma: Tensor, beta: Tensor) => op(x, { gamma, beta });
    const spent = (call: () => void) => {
      norm.resetCounters();
      call();
      return norm.counters();
    };
    const alone = spent(() => tf.tidy(() => void forward(inputs[0]!, inputs[1]!, inputs[2]!)));
    const both = spent(() => tf.dispose(tf.grads(forward)(inputs, dy)));
    dy.dispose();
    expect(both.outputBytes - alone.outputBytes).toBe(bytes + 2 * 4 * columns);
    expect(both.tempBytes - alone.tempBytes).toBeLessThanOrEqual(small + PARTIALS * bytes);
    expect(both.liveBytes).toBe(0);
  });
});

(native ? test.skip : test)('composed: the native counters stay at zero', () => {
  norm.resetCounters();
  tf.tidy(() => void everyOp[0]!.op(tf.ones([2, 3, 6])));
  expect(norm.counters()).toMatchObject({ opCalls: 0, launches: 0, outputBytes: 0, liveBytes: 0 });
});
