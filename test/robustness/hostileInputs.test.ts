import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { asked } from '../support/askedDevice';
import { everyOp } from '../support/everyOp';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { batchPartition, givenStatistics } from '../support/reference';
import { memory, onBackend, tensor } from '../support/tensors';

const SHAPE = [4, 3, 5, 6];
const FLT_MAX = 3.4028234663852886e38;

describe.each(everyOp)(
  '$name',
  ({
    name,
    input = 'x',
    op,
    reference,
    perSample,
    mixed = false,
    unscaled = false,
    keepsMean = false,
    elementwise = false,
    anyChannels = {},
  }) => {
    test('all NaN in, all NaN out', () => {
      tf.tidy(() => {
        const y = values(op(tf.fill(SHAPE, Number.NaN)));
        expect(Array.from(y).every(Number.isNaN)).toBe(true);
      });
    });

    test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, FLT_MAX])(
      'one %d touches its own statistic only',
      (value) => {
        tf.tidy(() => {
          const x = normal(SHAPE, 3);
          const clean = values(op(tensor(x)));
          const at = 7;
          x.data[at] = value;
          const y = values(op(tensor(x)));
          const channels = SHAPE.at(-1)!;
          const sample = x.data.length / SHAPE[0]!;
          for (let i = 0; i < y.length; i++) {
            const [otherSample, otherChannel] = [i >= sample, i % channels !== at % channels];
            const untouched = elementwise
              ? i !== at
              : (otherSample || !(perSample || mixed)) && (otherChannel || perSample);
            if (untouched && y[i] !== clean[i]) throw new Error(`element ${i} changed to ${y[i]}`);
          }
          if (elementwise) expect(y[at]).toBe(Math.fround(reference(x.data, SHAPE).y[at]!));
          else if (value !== FLT_MAX) expect(y[at]).toBeNaN();
        });
      },
    );

    if (!keepsMean)
      test('equal values give exactly 0', () => {
        tf.tidy(() => {
          expectClose('y', op(tf.fill(SHAPE, 0.1)), new Float64Array(360), { absolute: 0 });
        });
      });

    test('values whose squares underflow keep their digits', () => {
      tf.tidy(() => {
        const x = normal(SHAPE, 4, { deviation: 1e-30 });
        const want = reference(x.data, SHAPE).y;
        expectClose('y', op(tensor(x)), want, { absolute: 1e-35, relative: 2e-5 });
      });
    });

    // Whether they are read as 0 is the caller's choice: TensorFlow's threads flush denormals, plain tfjs does not.
    test('denormals give beta, exactly', () => {
      tf.tidy(() => {
        const x = normal(SHAPE, 4, { deviation: 1e-40 });
        const beta = normal([6], 15);
        const want = x.data.map((_, i) => beta.data[i % 6]!);
        expectClose('y', op(tensor(x), { beta: tensor(beta) }), want, { absolute: 0 });
      });
    });

    // What is not scaled cannot hold their difference.
    (unscaled ? test.skip : test)('alternating +-FLT_MAX gives no crash and no infinity', () => {
      tf.tidy(() => {
        const x = array64(
          SHAPE,
          Float64Array.from({ length: 360 }, (_, i) => (i % 2 ? FLT_MAX : -FLT_MAX)),
        );
        const y = Array.from(values(op(tensor(x))));
        expect(y).toHaveLength(360);
        expect(y.filter((v) => Math.abs(v) === Number.POSITIVE_INFINITY)).toEqual([]);
      });
    });

    test.each([
      ['int32', () => tf.ones(SHAPE, 'int32')],
      ['bool', () => tf.ones(SHAPE, 'bool')],
      ['complex64', () => tf.complex(tf.ones(SHAPE), tf.ones(SHAPE))],
      ['string', () => tf.fill(SHAPE, 'a' as never, 'string')],
    ])('refuses x of type %s', (dtype, make) => {
      tf.tidy(() => {
        expect(() => op(make())).toThrow(new RegExp(`${input} .*float32.*${dtype}`, 's'));
      });
    });

    test('refuses a disposed tensor', () => {
      const x = tf.ones(SHAPE);
      x.dispose();
      const before = memory();
      expect(() => op(x)).toThrow(/disposed/);
      expect(memory()).toEqual(before);
    });

    test('takes a tensor made on another backend', async () => {
      const x64 = normal(SHAPE, 5);
      const x = await onBackend('cpu', () => tensor(x64));
      const y = op(x);
      expectClose('y', y, reference(x64.data, SHAPE).y);
      tf.dispose([x, y]);
    });

    test('leaves x as it is, also when x is used again', () => {
      tf.tidy(() => {
        const x64 = normal(SHAPE, 6);
        const x = tensor(x64);
        const sum = op(x).add(x).add(op(x));
        expectSameBits('x', x, Float32Array.from(x64.data));
        const want = reference(x64.data, SHAPE).y.map((v, i) => 2 * v + x64.data[i]!);
        expectClose('2 y + x', sum, want);
      });
    });

    test('takes slices, reshapes and transposes', () => {
      tf.tidy(() => {
        const big = normal([5, 3, 5, 6], 7);
        const slice = tensor(big).slice([1, 0, 0, 0]);
        expectClose('of a slice', op(slice), reference(big.data.slice(90), SHAPE).y);
        const x = normal(SHAPE, 8);
        const again = tensor(x)
          .transpose([3, 2, 1, 0])
          .transpose([3, 2, 1, 0])
          .reshape([60, 6])
          .reshape(SHAPE);
        expectClose('of a view', op(again), reference(x.data, SHAPE).y);
      });
    });

    test.each([[[1, 1]], [[2, 3]], [[3, 1021]], [[2, 127, 1]], [[1, 7, 5, 13]], [[2, 3, 1, 2, 9]]])(
      'odd shape %j',
      (shape) => {
        tf.tidy(() => {
          const x = normal(shape, 9);
          const want = reference(x.data, shape, anyChannels).y;
          expectClose('y', op(tensor(x), anyChannels), want);
        });
      },
    );

    test.each([[[70_000, 3]], [[2, 65_537]]])('more than 65,535 rows or channels: %j', (shape) => {
      tf.tidy(() => {
        const x = normal(shape, 10);
        const want = reference(x.data, shape, anyChannels).y;
        expectClose('y', op(tensor(x), anyChannels), want);
      });
    });

    test.each([[[0, 3, 5, 6]], [[4, 0, 5, 6]], [[0, 0, 0, 6]], [[0, 6]]])(
      'empty %j gives an empty y',
      (shape) => {
        tf.tidy(() => {
          const y = op(tf.zeros(shape));
          expect(y.shape).toEqual(shape);
          expect(values(y)).toHaveLength(0);
        });
      },
    );

    test('no channels: an empty result or an error that says so', () => {
      tf.tidy(() => {
        let y: Tensor | undefined;
        try {
          y = op(tf.zeros([4, 3, 0]), anyChannels);
        } catch (error) {
          expect(String(error)).toMatch(new RegExp(`${name}: .*\\b0\\b`));
        }
        if (y) expect(y.shape).toEqual([4, 3, 0]);
      });
    });

    test('an exception in a tidy around it leaves nothing', () => {
      const before = memory();
      expect(() =>
        tf.tidy(() => {
          op(tf.ones(SHAPE));
          throw new Error('mine');
        }),
      ).toThrow('mine');
      expect(memory()).toEqual(before);
    });

    test('frozen options, and options whose getter throws', () => {
      const x = tf.ones(SHAPE);
      const before = memory();
      op(x, Object.freeze({ epsilon: 0.5 })).dispose();
      const trap = Object.defineProperty({}, 'epsilon', {
        enumerable: true,
        get: () => {
          throw new Error('trapped');
        },
      });
      expect(() => op(x, trap)).toThrow('trapped');
      expect(memory()).toEqual(before);
      x.dispose();
    });

    // One leak in a call shows in hundreds; the long run is of one op on the device that is fast enough.
    const calls = asked === 'host' && name === everyOp[0]!.name ? 10_000 : 300;
    test(`${calls} small calls leave nothing`, () => {
      const x = tf.ones([2, 6]);
      const before = memory();
      for (let i = 0; i < calls; i++) op(x).dispose();
      expect(memory()).toEqual(before);
      x.dispose();
    });
  },
);

describe('one value per statistic', () => {
  test.each(everyOp.filter(({ keepsMean }) => !keepsMean))(
    '$name: y = beta and dx = 0, exactly',
    ({ op, oneValue: { shape = [1, 6], options = {} } = {} }) => {
      tf.tidy(() => {
        const x = tensor(normal(shape, 11, { mean: 1e4 }));
        const parameters = shape.at(-1)!;
        const beta = tensor(normal([parameters], 12));
        const gamma = tensor(normal([parameters], 13));
        const f = (t: Tensor) => op(t, { ...options, beta, gamma });
        const want = Array.from({ length: 5 }, () => [...(values(beta) as Float32Array)])
          .flat()
          .slice(0, x.size);
        expectClose('y', f(x), want, { absolute: 0 });
        const dx = tf.grad(f)(x, tensor(normal(shape, 14)));
        expect(Array.from(values(dx)).map(Math.abs)).toEqual(new Array(x.size).fill(0));
      });
    },
  );
});

describe('batchNormInference', () => {
  test('a negative or NaN variance gives NaN in its channel only', () => {
    tf.tidy(() => {
      const x = normal([4, 6], 1);
      const mean = normal([6], 2);
      const variance = array64([6], [1, -2, 3, Number.NaN, 5, 0]);
      const y = norm.ops.batchNormInference(tensor(x), {
        mean: tensor(mean),
        variance: tensor(variance),
      });
      const partition = batchPartition(x.shape, {});
      const want = givenStatistics(x.data, partition, {}, mean.data, variance.data, 1e-3).y;
      expectClose('y', y, want);
    });
  });
});
