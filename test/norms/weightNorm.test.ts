/** The ops on weights: every kind of kernel, lists, gradients, and what they refuse. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, array64, dot, forEachIndex, normal, sizeOf } from '../support/arrays';
import { native } from '../support/askedDevice';
import { expectClose, expectSameBits } from '../support/expectClose';
import type { Partition } from '../support/reference';
import { memory, onBackend, tensor, withGradients } from '../support/tensors';
import { type WeightSettings, weightReference } from '../support/weightReference';

interface Kind {
  kind: string;
  shape: number[];
  /** As the op takes it. */
  axis?: number | number[] | null;
  /** The kept axes, from the front. */
  kept: number[];
}

const KINDS: Kind[] = [
  { kind: 'dense', shape: [7, 5], kept: [1] },
  { kind: 'dense to one', shape: [9, 1], kept: [1] },
  { kind: 'conv1d', shape: [3, 4, 6], kept: [2] },
  { kind: 'conv2d', shape: [3, 3, 5, 8], kept: [3] },
  { kind: 'conv3d', shape: [2, 3, 2, 3, 4], axis: 4, kept: [4] },
  { kind: 'transposed', shape: [3, 3, 6, 4], axis: -2, kept: [2] },
  { kind: 'transposed, odd', shape: [2, 2, 5, 3], axis: 2, kept: [2] },
  { kind: 'depthwise', shape: [3, 3, 4, 2], axis: [-2, -1], kept: [2, 3] },
  { kind: 'first axis', shape: [4, 6, 5], axis: 0, kept: [0] },
  { kind: 'whole', shape: [4, 3, 2], axis: null, kept: [] },
];

const SETTINGS: [string, WeightSettings, (x: Tensor, axis: Kind['axis'], g: Tensor) => Tensor][] = [
  [
    'weightNorm',
    { divisor: 'norm', center: false, epsilon: 1e-12 },
    (x, axis, g) => norm.ops.weightNorm(x, { g, axis }),
  ],
  [
    'weightNorm, centred',
    { divisor: 'norm', center: true, epsilon: 1e-12 },
    (x, axis, g) => norm.ops.weightNorm(x, { g, axis, center: true }),
  ],
  ...(
    [
      ['biased', 'deviation', 1e-5],
      ['unbiased', 'unbiasedDeviation', 1e-5],
      ['insideSqrt', 'rootOfVariance', 1e-5],
      ['scaled', 'norm', 1e-4],
    ] as const
  ).map(([mode, divisor, epsilon]): (typeof SETTINGS)[number] => [
    `weightStandardization, ${mode}`,
    { divisor, center: true, epsilon },
    (x, axis, gain) => norm.ops.weightStandardization(x, { gain, axis, mode }),
  ]),
];

function partitionOf({ shape, kept }: Kind): Partition {
  const parameterShape = kept.map((axis) => shape[axis]!);
  const set = new Int32Array(sizeOf(shape));
  forEachIndex(shape, (index, flat) => {
    set[flat] = kept.reduce((at, axis) => at * shape[axis]! + index[axis]!, 0);
  });
  return { set, parameter: set, sets: sizeOf(parameterShape), parameterShape };
}

describe.each(SETTINGS)('%s', (_, settings, op) => {
  const inputsOf = (kind: Kind) => {
    const p = partitionOf(kind);
    return {
      p,
      x: normal(kind.shape, 1, { mean: 0.3, deviation: 1.5 }),
      g: normal(p.parameterShape, 2, { mean: 1, deviation: 0.5 }),
      dy: normal(kind.shape, 3),
    };
  };

  test.each(KINDS.map((kind) => [kind.kind, kind] as const))('of %s', (_name, kind) => {
    const { p, x, g, dy } = inputsOf(kind);
    const want = weightReference(x.data, p, { gamma: g }, settings);
    tf.tidy(() => {
      const inputs = [tensor(x), tensor(g)];
      const { y, grads } = withGradients((w, gain) => op(w!, kind.axis, gain!), inputs, tensor(dy));
      expect(y.shape).toEqual(kind.shape);
      expectClose('y', y, want.y);
      const wanted = want.gradients(dy.data);
      expect(grads.map(({ shape }) => shape)).toEqual([kind.shape, p.parameterShape]);
      expectClose('dx', grads[0]!, wanted.x);
      expectClose('dg', grads[1]!, wanted.gamma);
    });
  });

  test.each(KINDS.map((kind) => [kind.kind, kind] as const))(
    'the gradients of the reference, of %s',
    (_name, kind) => {
      const { p, x, g, dy } = inputsOf(kind);
      const wanted = weightReference(x.data, p, { gamma: g }, settings).gradients(dy.data);
      const step = 1e-5;
      const check = (
        what: string,
        got: Float64Array,
        along: (v: number[]) => [Array64, Array64],
      ) => {
        const v = [...normal([got.length], 9).data];
        const loss = (sign: number) => {
          const [moved, gamma] = along(v.map((value) => sign * step * value));
          return dot(dy.data, weightReference(moved.data, p, { gamma }, settings).y);
        };
        const slope = (loss(1) - loss(-1)) / (2 * step);
        expectClose(what, [dot(got, v)], [slope], { scaled: 1e-6, relative: 1e-6 });
      };
      const plus = (a: Array64, v: number[]) =>
        array64(
          a.shape,
          a.data.map((value, i) => value + v[i]!),
        );
      check('dx', wanted.x, (v) => [plus(x, v), g]);
      check('dg', wanted.gamma, (v) => [x, plus(g, v)]);
    },
  );

  test('backends tensorflow and cpu agree', async () => {
    const { x, g, dy } = inputsOf(KINDS[5]!);
    const run = () =>
      tf.tidy(() => {
        const inputs = [tensor(x), tensor(g)];
        const f = (w?: Tensor, gain?: Tensor) => op(w!, -2, gain!);
        const { y, grads } = withGradients(f, inputs, tensor(dy));
        return [y, ...grads].map((t) => Float32Array.from(t.dataSync()));
      });
    const cpu = await onBackend('cpu', run);
    run().forEach((got, i) => {
      expectClose(`result ${i}`, got, cpu[i]!);
    });
  });
});

describe('lists', () => {
  const shapes = [
    [3, 3, 2, 5],
    [40, 7],
    [1, 6],
    [9, 1],
    [500, 300],
  ];
  const make = () => {
    const weights = shapes.map((shape, i) => tensor(normal(shape, i)));
    const gains = shapes.map((shape, i) => tensor(normal([shape.at(-1)!], i + 10, { mean: 1 })));
    return { weights, gains };
  };

  test('give the bits of single calls, and their gradients', () => {
    tf.tidy(() => {
      const { weights, gains } = make();
      const together = norm.ops.weightNorm(weights, { g: gains });
      // Different losses, so that no gradient stands in for another one.
      const loss = (i: number, w: Tensor) => tf.sum(tf.mul(tf.square(w), i + 1));
      const all = tf.grads((...inputs: Tensor[]) => {
        const ws = norm.ops.weightNorm(inputs.slice(0, 5), { g: inputs.slice(5) });
        return tf.addN(ws.map((w, i) => loss(i, w))) as never;
      })([...weights, ...gains]);
      shapes.forEach((_, i) => {
        const [weight, g] = [weights[i]!, gains[i]!];
        expectSameBits(`y of ${i}`, together[i]!, norm.ops.weightNorm(weight, { g }));
        const [dx, dg] = tf.grads((w: Tensor, gain: Tensor) =>
          loss(i, norm.ops.weightNorm(w, { g: gain })),
        )([weight, g]);
        expectSameBits(`dx of ${i}`, all[i]!, dx!);
        expectSameBits(`dg of ${i}`, all[i + 5]!, dg!);
      });
    });
  });

  test('whose outputs are not all used have gradients of zero', () => {
    tf.tidy(() => {
      const { weights } = make();
      const grads = tf.grads(
        (...inputs: Tensor[]) =>
          tf.sum(tf.abs(norm.ops.weightStandardization(inputs)[1]!)) as never,
      )(weights);
      grads.forEach((grad, i) => {
        const largest = tf.max(tf.abs(grad)).dataSync()[0]!;
        expect(largest > 0).toBe(i === 1);
      });
    });
  });

  test('of different ranks share an axis counted from the end', () => {
    tf.tidy(() => {
      const weights = [tf.randomNormal([3, 4, 5]), tf.randomNormal([2, 3, 4, 5])];
      const [a, b] = norm.ops.weightNorm(weights, { axis: -2 });
      expectClose('norms', tf.sum(tf.square(a!), [0, 2]), [1, 1, 1, 1]);
      expectClose('norms', tf.sum(tf.square(b!), [0, 1, 3]), [1, 1, 1, 1]);
      const others = [tf.ones([2, 3, 4]), tf.ones([1, 2, 3, 4, 5])];
      expect(() => norm.ops.weightNorm(others, { axis: [-3, 1] })).toThrow(
        /weightNorm: axis must be counted from one end/,
      );
    });
  });

  (native ? test : test.skip)('are one native call forward and one backward', () => {
    const { weights, gains } = tf.tidy(make);
    norm.resetCounters();
    const grads = tf.grads((...inputs: Tensor[]) => {
      const ws = norm.ops.weightNorm(inputs.slice(0, 5), { g: inputs.slice(5) });
      return tf.addN(ws.map((w) => tf.sum(w))) as never;
    })([...weights, ...gains]);
    expect(norm.counters().calls).toEqual({ TfjsWeightNorm: 1, TfjsWeightNormGrad: 1 });
    tf.dispose([grads, weights, gains]);
  });
});

describe('weights of zeros', () => {
  test('stay zero, with finite gradients: the clamped norm is a constant', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([0, 1, 0, -2, 0, 2], [3, 2]);
      const dy = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
      const { y, grads } = withGradients(
        (w, g) => norm.ops.weightNorm(w!, { g }),
        [x, tf.tensor1d([3, 2])],
        dy,
      );
      expectClose('y', y, [0, 2 / 3, 0, -4 / 3, 0, 4 / 3]);
      const first = tf.slice(grads[0]!, [0, 0], [3, 1]);
      expectClose('dx of the zeros', first, [3e6, 9e6, 15e6], { relative: 1e-6 });
      expectClose('dg', grads[1]!, [0, (2 - 8 + 12) / 3]);
    });
  });

  test('zeros of other weights stay exactly zero', () => {
    tf.tidy(() => {
      const x = normal([60, 10], 5, { mean: 100 });
      for (let i = 0; i < x.data.length; i += 7) x.data[i] = 0;
      const y = norm.ops.weightNorm(tensor(x)).dataSync();
      for (let i = 0; i < x.data.length; i += 7) expect(y[i]).toBe(0);
    });
  });

  test('standardized, have no direction: dx is dy without its mean, over epsilon', () => {
    tf.tidy(() => {
      const dy = tf.tensor2d([1, 2, 6], [3, 1]);
      const f = (x: Tensor) => norm.ops.weightStandardization(x, { epsilon: 0.5 });
      expectClose('dx', tf.grad(f)(tf.zeros([3, 1]), dy), [-4, -2, 6]);
    });
  });
});

describe('refuses', () => {
  const x = () => tf.ones([3, 4]);
  const cases: [string, () => unknown, RegExp][] = [
    ['a scalar', () => norm.ops.weightNorm(tf.scalar(1)), /weightNorm: x must have rank 1 or more/],
    [
      'g of another length',
      () => norm.ops.weightNorm(x(), { g: tf.ones([3]) }),
      /weightNorm: g must have shape \[4\], got \[3\]/,
    ],
    [
      'g that is no list for a list',
      () => norm.ops.weightNorm([x()], { g: tf.ones([4]) as never }),
      /weightNorm: g must be a list of 1 gains/,
    ],
    [
      'one wrong gain of a list',
      () => norm.ops.weightNorm([x(), x()], { g: [tf.ones([4]), tf.ones([5])] }),
      /weightNorm: g\[1\] must have shape \[4\], got \[5\]/,
    ],
    [
      'axes that are not adjacent',
      () => norm.ops.weightNorm(tf.ones([2, 3, 4]), { axis: [0, 2] }),
      /weightNorm: axis must name adjacent axes, got \[0,2\]/,
    ],
    [
      'an axis out of range',
      () => norm.ops.weightStandardization(x(), { axis: 2 }),
      /weightStandardization: axis must be an integer from -2 to 1/,
    ],
    [
      'an unknown mode',
      () => norm.ops.weightStandardization(x(), { mode: 'toString' as never }),
      /weightStandardization: mode must be one of 'biased', 'unbiased'.*got 'toString'/,
    ],
    [
      'epsilon 0',
      () => norm.ops.weightNorm(x(), { epsilon: 0 }),
      /weightNorm: epsilon must be .* got 0/,
    ],
    [
      'a mean that is subtracted perhaps',
      () => norm.ops.weightNorm(x(), { center: 1 as never }),
      /weightNorm: center must be a boolean, got 1/,
    ],
  ];
  test.each(cases)('%s', (_, call, message) => {
    const before = memory();
    tf.tidy(() => {
      expect(call).toThrow(message);
    });
    expect(memory()).toEqual(before);
  });
});
