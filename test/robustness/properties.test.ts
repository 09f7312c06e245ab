/** Random shapes and attributes, y and gradients, against the float64 reference. */
import fc from 'fast-check';
import { tf } from '../../src';
import { normal, sizeOf } from '../support/arrays';
import { everyOp } from '../support/everyOp';
import { expectClose } from '../support/expectClose';
import { tensor, withGradients } from '../support/tensors';

const RUNS = 100;
const LARGEST = 6000;
const SEED = Number(process.env.NORM_PROPERTY_SEED ?? 20_240_601);

const extent = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 3, 5, 7, 31, 32, 33) },
  { weight: 1, arbitrary: fc.constantFrom(63, 64, 65, 127, 128, 1023, 1024, 1025) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 20 }) },
);
const shapes = fc
  .array(extent, { minLength: 2, maxLength: 5 })
  .filter((shape) => sizeOf(shape) <= LARGEST);
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const draw = fc.record({
  shape: shapes,
  seed: fc.integer({ min: 0, max: 1e6 }),
  mean: fc.constantFrom(0, 1, -30, 1000),
  pick: fraction,
  choice: fraction,
});

describe.each(everyOp)('$name', ({ op, partition, reference, randomOptions }) => {
  test(`agrees with the reference on ${RUNS} random shapes and attributes`, () => {
    fc.assert(
      fc.property(draw, ({ shape, seed, mean, pick, choice }) => {
        const channelAxis = 1 + Math.floor(pick * (shape.length - 1));
        const options = randomOptions(shape, { channelAxis, pick, choice, mean });
        fc.pre(options !== undefined);
        const before = tf.memory().numTensors;
        tf.tidy(() => {
          const x = normal(shape, seed, { mean, deviation: 2 });
          const { parameterShape } = partition(shape, options);
          const gamma = normal(parameterShape, seed + 1, { mean: 1, deviation: 0.3 });
          const beta = normal(parameterShape, seed + 2);
          const dy = normal(shape, seed + 3);
          const want = reference(x.data, shape, options, { gamma, beta });
          const { y, grads } = withGradients(
            (t, g, b) => op(t!, { ...options, gamma: g, beta: b }),
            [x, gamma, beta].map(tensor),
            tensor(dy),
          );
          expect(y.shape).toEqual(shape);
          expectClose('y', y, want.y);
          const wantGrads = want.gradients(dy.data);
          for (const [i, input] of (['x', 'gamma', 'beta'] as const).entries()) {
            expect(grads[i]!.shape).toEqual(input === 'x' ? shape : parameterShape);
            expectClose(`d${input}`, grads[i]!, wantGrads[input]);
          }
        });
        expect(tf.memory().numTensors).toBe(before);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
