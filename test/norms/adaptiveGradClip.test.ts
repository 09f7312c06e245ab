/** Adaptive gradient clipping: the op. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, normal } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, onBackend, tensor } from '../support/tensors';

const { adaptiveGradClip } = norm.ops;

/** By the definition; `unitOf` says which unit an element belongs to. */
function clipped(
  gradient: Array64,
  weight: Array64,
  unitOf: (i: number) => number,
  clipping: number,
  epsilon: number,
) {
  const lengths = [gradient, weight].map(({ data }) => {
    const squares: number[] = [];
    data.forEach((v, i) => {
      squares[unitOf(i)] = (squares[unitOf(i)] ?? 0) + v * v;
    });
    return squares.map(Math.sqrt);
  });
  return gradient.data.map((v, i) => {
    const [g, w] = lengths.map((of) => of[unitOf(i)]!) as [number, number];
    const most = clipping * Math.max(w, epsilon);
    return g >= most ? (v * most) / Math.max(g, 1e-6) : v;
  });
}

/** Gradients whose units are long and short in turn. */
function gradientOf(shape: number[], seed: number): Array64 {
  const gradient = normal(shape, seed);
  const units = shape.at(-1)!;
  for (let i = 0; i < gradient.data.length; i++) {
    gradient.data[i] = Math.fround(gradient.data[i]! * 10 ** -((i % units) % 4));
  }
  return gradient;
}

const UNITS: [string, number[], object, (i: number) => number][] = [
  ['a dense kernel', [20, 7], {}, (i) => i % 7],
  ['a convolution kernel', [3, 3, 5, 8], {}, (i) => i % 8],
  ['a kernel of one output', [40, 1], {}, () => 0],
  ['a vector', [33], {}, () => 0],
  ['a scalar', [], {}, () => 0],
  ['a transposed kernel', [3, 3, 6, 5], { axis: -2 }, (i) => Math.floor(i / 5) % 6],
  ['a depthwise kernel', [3, 3, 6, 2], { axis: [-2, -1] }, (i) => i % 12],
  ['the whole of a kernel', [6, 5], { axis: null }, () => 0],
  ['the entries of a vector', [9], { axis: 0 }, (i) => i],
];

test.each(UNITS)('%s', (_, shape, options, unitOf) => {
  tf.tidy(() => {
    const gradient = gradientOf(shape.length ? shape : [1], 1);
    const weight = normal(gradient.shape, 2);
    for (const settings of [{}, { clipping: 0.25, epsilon: 0.5 }, { clipping: 1e3 }]) {
      const { clipping = 0.01, epsilon = 1e-3 } = settings as {
        clipping?: number;
        epsilon?: number;
      };
      const [g, w] = [gradient, weight].map((of) => tensor(of).reshape(shape)) as [Tensor, Tensor];
      const y = adaptiveGradClip(g, w, { ...options, ...settings });
      expect(y.shape).toEqual(shape);
      const want = clipped(gradient, weight, unitOf, clipping, epsilon);
      expectClose('y', y, want, { absolute: 1e-9, relative: 2e-6 });
      if (clipping === 1e3) expectSameBits('y', y, g);
    }
  });
});

test('a list is what its members are alone', () => {
  tf.tidy(() => {
    const shapes = [[20, 7], [7], [3, 3, 7, 4], [], [4, 4]];
    const tensors = (seed: number) =>
      shapes.map((shape, i) => tensor(normal(shape.length ? shape : [1], seed + i)).reshape(shape));
    const [gradients, weights] = [tensors(1), tensors(11)];
    const all = adaptiveGradClip(gradients, weights);
    expect(all).toHaveLength(5);
    all.forEach((y, i) => {
      expectSameBits(`y[${i}]`, y, adaptiveGradClip(gradients[i]!, weights[i]!));
    });
    expect(adaptiveGradClip([gradients[0]!], [weights[0]!])).toHaveLength(1);
  });
});

(native ? test : test.skip)('one native call for kernels, one for vectors', () => {
  tf.tidy(() => {
    const all = [tf.ones([4, 5]), tf.ones([5]), tf.ones([3, 3, 5, 2]), tf.ones([2])];
    norm.resetCounters();
    adaptiveGradClip(all, all);
    expect(norm.counters().calls).toEqual({ TfjsAdaptiveGradClip: 2 });
  });
});

(native ? test : test.skip)('allocates its outputs and a few numbers for each unit', () => {
  tf.tidy(() => {
    const shapes = [
      [3, 3, 64, 128],
      [512, 300],
    ];
    const [gradients, weights] = [1, 2].map((seed) =>
      shapes.map((shape) => tensor(normal(shape, seed))),
    ) as [Tensor[], Tensor[]];
    norm.resetCounters();
    adaptiveGradClip(gradients, weights);
    const { outputBytes, tempBytes, launches } = norm.counters();
    const bytes = 4 * (3 * 3 * 64 * 128 + 512 * 300);
    expect(outputBytes).toBe(bytes);
    expect(tempBytes).toBeLessThan(bytes / 4);
    // One for the pieces of columns, one that clips.
    if (asked === 'emulated') expect(launches).toBeLessThanOrEqual(2);
  });
});

test('weights and gradients of zeros', () => {
  tf.tidy(() => {
    const zeros = tf.zeros([3, 2]);
    const g = tensor(normal([3, 2], 1));
    expectSameBits('y', adaptiveGradClip(zeros, g), zeros);
    const y = adaptiveGradClip(g, zeros, { clipping: 0.5, epsilon: 0.01 });
    const lengths = y.square().sum(0).sqrt() as Tensor;
    expectClose('lengths', lengths, [0.005, 0.005], { relative: 1e-5 });
  });
});

test('a gradient of NaN or infinity touches its own unit only, and stays one', () => {
  tf.tidy(() => {
    const [gradient, weight] = [gradientOf([6, 4], 1), normal([6, 4], 2)];
    const clean = values(adaptiveGradClip(tensor(gradient), tensor(weight)));
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const with_ = { ...gradient, data: gradient.data.slice() };
      with_.data[5] = bad;
      const y = values(adaptiveGradClip(tensor(with_), tensor(weight)));
      expect(y[5]).toBeNaN();
      for (let i = 0; i < y.length; i++) if (i % 4 !== 1) expect(y[i]).toBe(clean[i]);
    }
  });
});

test('no elements', () => {
  tf.tidy(() => {
    for (const shape of [[0, 3], [3, 0], [0]]) {
      expect(adaptiveGradClip(tf.zeros(shape), tf.zeros(shape)).shape).toEqual(shape);
    }
  });
});

test('leaves nothing behind', async () => {
  await expectNoLeak(() => {
    const [g, w] = [tf.ones([4, 3]), tf.ones([4, 3])];
    tf.dispose([g, w, adaptiveGradClip(g, w), adaptiveGradClip([g, w], [w, g])]);
  });
});

test('has no gradient, and says so', () => {
  tf.tidy(() => {
    const w = tf.ones([2, 2]);
    const call = () => tf.grad((g) => adaptiveGradClip(g, w))(w);
    expect(call).toThrow(/^adaptiveGradClip: it is a transform of gradients/);
  });
});

test('refuses tensors that are disposed, takes those of another backend', async () => {
  const gradient = normal([6, 4], 1);
  const gone = tensor(gradient);
  gone.dispose();
  expect(() => adaptiveGradClip(gone, tf.ones([6, 4]))).toThrow(/disposed/);
  const other = await onBackend('cpu', () => tensor(gradient));
  tf.tidy(() => {
    const own = adaptiveGradClip(tensor(gradient), tf.ones([6, 4]));
    expectSameBits('y', adaptiveGradClip(other, tf.ones([6, 4])), own);
  });
  other.dispose();
});

test.each<[RegExp, () => unknown]>([
  [/weights must have shape \[2,3\]/, () => adaptiveGradClip(tf.ones([2, 3]), tf.ones([3, 2]))],
  [/weights must be a list of 1/, () => adaptiveGradClip([tf.ones([2])], [] as Tensor[])],
  [
    /weights\[1\] must have shape \[3\]/,
    () => adaptiveGradClip([tf.ones([2]), tf.ones([3])], [tf.ones([2]), tf.ones([2])]),
  ],
  [/clipping.*got 0/, () => adaptiveGradClip(tf.ones([2]), tf.ones([2]), { clipping: 0 })],
  [/epsilon.*got -1/, () => adaptiveGradClip(tf.ones([2]), tf.ones([2]), { epsilon: -1 })],
  [/axis must be an integer/, () => adaptiveGradClip(tf.ones([2]), tf.ones([2]), { axis: 1 })],
  [
    /axis must name adjacent axes/,
    () => adaptiveGradClip(tf.ones([2, 2, 2]), tf.ones([2, 2, 2]), { axis: [0, 2] }),
  ],
  [
    /gradients must be a float32 tensor/,
    () => adaptiveGradClip(tf.ones([2], 'int32'), tf.ones([2])),
  ],
])('refuses: %s', (message, call) => {
  tf.tidy(() => expect(() => void call()).toThrow(message));
});
