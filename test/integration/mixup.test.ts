/** Mixup: what it mixes, the distribution of lambda, the loss of mixed labels, bad arguments. */
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { expectClose, expectSameBits } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

// Plain tfjs: nothing here depends on the device.
const testOnce = asked === 'host' ? test : test.skip;

const { mixup } = norm.data;
const X = normal([5, 3, 2], 1);
const LABELS = [0, 1, 2, 3, 4];
const oneHot = () => tf.oneHot(tf.tensor1d(LABELS, 'int32'), 5).toFloat();

testOnce.each([false, true])('perSample %p: x, both labels and their sum', (perSample) => {
  tf.tidy(() => {
    const { x, ya, yb, lambda, y } = mixup(tensor(X), oneHot(), { perSample, alpha: 0.7, seed: 3 });
    expect(lambda.shape).toEqual(perSample ? [5] : []);
    const shares = Array.from({ length: 5 }, (_, i) => lambda.dataSync()[perSample ? i : 0]!);
    const other = [...yb.argMax(1).dataSync()];
    expect([...other].sort()).toEqual(LABELS);
    expect(other).not.toEqual(LABELS);
    expectSameBits('ya', ya, oneHot());
    const want = X.data.map((v, i) => {
      const sample = Math.floor(i / 6);
      return shares[sample]! * v + (1 - shares[sample]!) * X.data[other[sample]! * 6 + (i % 6)]!;
    });
    expectClose('x', x, want);
    const labels = shares.map((share) => tf.tensor1d([share]));
    const mixed = labels.map((share, i) =>
      ya
        .slice([i, 0], [1, 5])
        .mul(share)
        .add(yb.slice([i, 0], [1, 5]).mul(tf.sub(1, share))),
    );
    expectClose('y', y!, tf.concat(mixed));
    if (perSample) expect(new Set(shares).size).toBe(5);
  });
});

testOnce('the cross entropy of the mixed labels is the loss of both', () => {
  tf.tidy(() => {
    const { ya, yb, lambda, y } = mixup(tensor(X), oneHot(), { seed: 1 });
    const p = tf.softmax(tensor(normal([5, 5], 8)));
    const loss = (labels: typeof ya) => tf.metrics.categoricalCrossentropy(labels, p);
    const both = loss(ya)
      .mul(lambda)
      .add(loss(yb).mul(tf.sub(1, lambda)));
    expectClose('loss', loss(y!), both);
  });
});

testOnce('integer labels: no sum, and their type', () => {
  tf.tidy(() => {
    const { ya, yb, y } = mixup(tensor(X), tf.tensor1d(LABELS, 'int32'), { seed: 1 });
    expect([ya.dtype, yb.dtype, y]).toEqual(['int32', 'int32', null]);
    expect([...yb.dataSync()].sort()).toEqual(LABELS);
  });
});

testOnce('alpha 0 changes nothing', () => {
  tf.tidy(() => {
    const { x, lambda } = mixup(tensor(X), oneHot(), { alpha: 0 });
    expectSameBits('x', x, tensor(X));
    expect([...lambda.dataSync()]).toEqual([1]);
  });
});

// Var = 1 / (4 * (2 * alpha + 1)); of the median share that alpha 1e-3 leaves between, none.
testOnce.each([1e-3, 0.2, 0.7, 1, 4, 50])(
  'lambda has the beta distribution of alpha %d',
  (alpha) => {
    tf.tidy(() => {
      const count = 4000;
      const given = tf.zeros([count, 1]);
      const { lambda } = mixup(given, given, { alpha, perSample: true, seed: 5 });
      const values = [...lambda.dataSync()];
      expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
      const mean = values.reduce((a, b) => a + b) / count;
      const variance = values.reduce((a, b) => a + (b - 0.5) ** 2, 0) / count;
      const want = 1 / (4 * (2 * alpha + 1));
      expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(want / count));
      expectClose('variance', [variance], [want], { relative: 0.08 });
      if (alpha === 1) {
        const below = values.filter((v) => v < 0.2).length / count;
        expectClose('share below 0.2', [below], [0.2], { absolute: 0.02 });
      }
    });
  },
);

testOnce('the same seed and stream mix alike, others and none anew', () => {
  tf.tidy(() => {
    const of = (options: object) => mixup(tensor(X), oneHot(), options).x;
    expectSameBits('x', of({ seed: 2, stream: 1 }), of({ seed: 2, stream: 1 }));
    const others = [{ seed: 2 }, { seed: 3 }, {}, {}].map((options) => of(options).dataSync()[0]);
    expect(new Set(others).size).toBe(4);
  });
});

testOnce('leaves its results and nothing else; an empty batch', async () => {
  await expectNoLeak(() => {
    const [x, y] = [tf.zeros([0, 3]), tf.zeros([0, 2])];
    const result = mixup(x, y, { perSample: true });
    expect([result.x.shape, result.lambda.shape]).toEqual([[0, 3], [0]]);
    tf.dispose([x, y, result as never]);
  });
});

testOnce.each<[string, (x: any, y: any) => unknown, RegExp]>([
  ['x of integers', (_, y) => mixup(tf.ones([5], 'int32'), y), /^mixup: x must be a float32/],
  ['a scalar', (_, y) => mixup(tf.scalar(1), y), /^mixup: x must have rank 1/],
  ['other labels', (x) => mixup(x, tf.ones([4])), /^mixup: y must have 5 samples/],
  ['no labels', (x) => mixup(x, undefined as never), /^mixup: y must be a tensor/],
  ['alpha -1', (x, y) => mixup(x, y, { alpha: -1 }), /^mixup: alpha must be a finite number/],
  ['alpha NaN', (x, y) => mixup(x, y, { alpha: Number.NaN }), /^mixup: alpha/],
  ['a seed', (x, y) => mixup(x, y, { seed: 0.5 }), /^mixup: seed must be an integer/],
  ['a stream', (x, y) => mixup(x, y, { stream: 1 }), /^mixup: stream must not be given without/],
  ['perSample', (x, y) => mixup(x, y, { perSample: 1 as never }), /^mixup: perSample/],
])('refuses %s', (_, call, message) => {
  tf.tidy(() => {
    const [x, y] = [tensor(X), oneHot()];
    expect(() => call(x, y)).toThrow(message);
  });
});
