/** What Fixup is for, without a data set: one step of SGD changes what a network computes equally at any depth. */
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { generator, normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { tensor } from '../support/tensors';

const { biasReluBias, scalarBias, scaleBiasResidual } = norm.ops;
const [WIDTH, CLASSES, SAMPLES] = [64, 10, 12];

interface Branch {
  weights: Variable[];
  scalars: Variable[];
}

/** A residual network of dense layers, two in a branch. `he`: weights that know nothing of the depth. */
function network(depth: number, he: boolean) {
  let seed = 1;
  const drawn = (of: (seed: number) => Tensor) => tf.tidy(() => of(seed++).variable());
  const weight = (layerIndex: number) =>
    drawn((s) =>
      he
        ? norm.initializers.heNormal({ seed: s }).apply([WIDTH, WIDTH])
        : norm.initializers
            .fixup({ numBranches: depth, layerIndex, seed: s })
            .apply([WIDTH, WIDTH]),
    );
  const branches: Branch[] = Array.from({ length: depth }, () => ({
    weights: [weight(0), weight(1)],
    scalars: [0, 0, 0, 1, 0].map((value) => tf.variable(tf.tensor1d([value]))),
  }));
  const classifier = drawn((s) =>
    he
      ? norm.initializers.heNormal({ seed: s }).apply([WIDTH, CLASSES])
      : tf.zeros([WIDTH, CLASSES]),
  );
  const logits = (x: Tensor): Tensor => {
    let h = x;
    for (const { weights, scalars } of branches) {
      const [first, second] = weights as unknown as [Tensor2D, Tensor2D];
      const [b1a, b1b, b2a, scale, b2b] = scalars as unknown as Tensor[];
      let of = tf.matMul(scalarBias(h, b1a!) as Tensor2D, first) as Tensor;
      of = tf.matMul(biasReluBias(of, b1b!, b2a!) as Tensor2D, second);
      h = scaleBiasResidual(of, { scale, bias: b2b, residual: h });
    }
    return tf.matMul(h as Tensor2D, classifier as unknown as Tensor2D);
  };
  const variables = [...branches.flatMap((b) => [...b.weights, ...b.scalars]), classifier];
  return { logits, variables };
}

/** ||change of the logits|| / (rate * sqrt(samples)) in each of some steps. */
function changes(depth: number, he: boolean, rate: number, steps: number): number[] {
  const { logits, variables } = network(depth, he);
  const uniform = generator(7);
  const labels = Array.from({ length: SAMPLES }, () => Math.floor(uniform() * CLASSES));
  const optimizer = tf.train.sgd(rate);
  try {
    return tf.tidy(() => {
      const x = tensor(normal([SAMPLES, WIDTH], 3));
      const y = tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES);
      const loss = () => tf.losses.softmaxCrossEntropy(y, logits(x)) as never;
      return Array.from({ length: steps }, () => {
        const before = logits(x);
        optimizer.minimize(loss, false, variables);
        const distance = tf.norm(tf.sub(logits(x), before)).dataSync()[0]!;
        return distance / (rate * Math.sqrt(SAMPLES));
      });
    });
  } finally {
    optimizer.dispose();
    tf.dispose(variables);
  }
}

// The networks are large; what they compute is the ops', which other tests compare on every device.
const testOnce = asked === 'host' ? test : test.skip;

testOnce.each([
  [1e-3, 1],
  [0.1, 3],
])('Fixup, rate %d, %d steps: the logits change alike from 2 to 64 branches', (rate, steps) => {
  const found = [2, 8, 64].map((depth) => changes(depth, false, rate, steps));
  for (const each of found) {
    for (const [step, change] of each.entries()) {
      expect(change).toBeGreaterThan(found[0]![step]! / 1.1);
      expect(change).toBeLessThan(found[0]![step]! * 1.1);
    }
    // Of networks with 2 to 128 branches and data of their own: 4.6 to 7.6.
    expect(each[0]).toBeGreaterThan(4.6);
    expect(each[0]).toBeLessThan(7.6);
  }
});

testOnce('He: the change grows with the depth until nothing is finite', () => {
  const [two, four, eight, more] = [2, 4, 8, 64].map((depth) => changes(depth, true, 1e-3, 1)[0]!);
  expect(two).toBeGreaterThan(100);
  expect(four).toBeGreaterThan(1e3);
  expect(eight).toBeGreaterThan(1e5);
  expect(more).toBeNaN();
});
