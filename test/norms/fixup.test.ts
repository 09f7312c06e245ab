import type { Tensor } from '@tensorflow/tfjs';
import fc from 'fast-check';
import { norm, tf } from '../../src';
import { type Array64, normal, sizeOf } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { describeBadArguments } from '../support/checks/badArguments';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { expectNoLeak, memory, onBackend, tensor, withGradients } from '../support/tensors';

const { biasReluBias, scalarBias, scaleBiasResidual, skipInit } = norm.ops;
const SHAPES = [[], [1], [33], [4, 6], [2, 3, 2, 3, 7], [40_003]];
const scalar = (value: number) => tf.tensor1d([value]);
const total = (terms: number[]) => terms.reduce((a, b) => a + b, 0);
/** Of a sum over everything, whose terms cancel. */
const ofSum = { absolute: 1e-2, relative: 2e-5 };

describe.each(SHAPES.map((shape) => [shape]))('of shape [%j]', (shape) => {
  const [x, dy, r] = [normal(shape, 1), normal(shape, 2), normal(shape, 3)];
  const at = Array.from(x.data.keys());

  test('scalarBias', () => {
    tf.tidy(() => {
      const op = (t?: Tensor, b?: Tensor) => scalarBias(t!, b!);
      const { y, grads } = withGradients(op, [tensor(x), scalar(0.75)], tensor(dy));
      expect([y.shape, grads[1]!.shape]).toEqual([shape, [1]]);
      expectClose(
        'y',
        y,
        x.data.map((v) => v + 0.75),
      );
      expectSameBits('dx', grads[0]!, tensor(dy));
      expectClose('dbias', grads[1]!, [total([...dy.data])], ofSum);
    });
  });

  test('biasReluBias', () => {
    tf.tidy(() => {
      const op = (t?: Tensor, b?: Tensor, c?: Tensor) => biasReluBias(t!, b!, c!);
      const inputs = [tensor(x), scalar(0.25), tf.scalar(-0.5)];
      const { y, grads } = withGradients(op, inputs, tensor(dy));
      const dz = at.map((i) => (x.data[i]! + 0.25 > 0 ? dy.data[i]! : 0));
      expectClose(
        'y',
        y,
        x.data.map((v) => Math.max(v + 0.25, 0) - 0.5),
      );
      expectClose('dx', grads[0]!, dz);
      expectClose('dbefore', grads[1]!, [total(dz)], ofSum);
      expectClose('dafter', grads[2]!, [total([...dy.data])], ofSum);
      expect(grads[2]!.shape).toEqual([]);
    });
  });

  test.each(['relu', 'linear'] as const)('scaleBiasResidual, %s', (activation) => {
    tf.tidy(() => {
      const op = (t?: Tensor, scale?: Tensor, bias?: Tensor, residual?: Tensor) =>
        scaleBiasResidual(t!, { scale, bias, residual, activation });
      const inputs = [tensor(x), scalar(-1.5), scalar(0.25), tensor(r)];
      const { y, grads } = withGradients(op, inputs, tensor(dy));
      const z = at.map((i) => -1.5 * x.data[i]! + 0.25 + r.data[i]!);
      const dz = at.map((i) => (activation === 'linear' || z[i]! > 0 ? dy.data[i]! : 0));
      expectClose('y', y, activation === 'relu' ? z.map((v) => Math.max(v, 0)) : z);
      expectClose(
        'dx',
        grads[0]!,
        dz.map((v) => -1.5 * v),
      );
      expectClose('dscale', grads[1]!, [total(at.map((i) => dz[i]! * x.data[i]!))], ofSum);
      expectClose('dbias', grads[2]!, [total(dz)], ofSum);
      expectClose('dresidual', grads[3]!, dz);
    });
  });

  test('skipInit at 0: the shortcut, and a gradient of alpha', () => {
    tf.tidy(() => {
      const op = (t?: Tensor, branch?: Tensor, alpha?: Tensor) => skipInit(t!, branch!, alpha!);
      const { y, grads } = withGradients(op, [tensor(x), tensor(r), scalar(0)], tensor(dy));
      expectClose('y', y, x.data);
      expectClose('dx', grads[0]!, dy.data);
      expectClose('dbranch', grads[1]!, tf.zeros(shape));
      expectClose('dalpha', grads[2]!, [total(at.map((i) => dy.data[i]! * r.data[i]!))], ofSum);
    });
  });
});

describe('fixup ops', () => {
  test('no scalars: relu(x + residual), the sum of one tensor with itself', () => {
    tf.tidy(() => {
      const op = (t?: Tensor) => scaleBiasResidual(t!, { residual: t!, activation: 'relu' });
      const { y, grads } = withGradients(op, [tf.tensor1d([-1, 0, 2])], tf.tensor1d([3, 5, 7]));
      expectClose('y', y, [0, 0, 4]);
      expectClose('dx', grads[0]!, [0, 0, 14]);
    });
  });

  test('NaN and infinities', () => {
    tf.tidy(() => {
      const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
      const x = tf.tensor1d([nan, infinity, -infinity, 1]);
      const { y, grads } = withGradients((t) => biasReluBias(t!, 1, 2), [x], tf.ones([4]));
      expect(Array.from(values(y))).toEqual([nan, infinity, 2, 4]);
      expect(Array.from(values(grads[0]!))).toEqual([0, 1, 0, 1]);
    });
  });

  test.each([[[0]], [[4, 0, 6]]])('empty %j', (shape) => {
    tf.tidy(() => {
      const op = (t?: Tensor, b?: Tensor, c?: Tensor) => biasReluBias(t!, b!, c!);
      const inputs = [tf.zeros(shape), scalar(1), scalar(2)];
      const { y, grads } = withGradients(op, inputs, tf.zeros(shape));
      expect([y.shape, grads[0]!.shape]).toEqual([shape, shape]);
      expectClose('dbefore, dafter', tf.concat([grads[1]!, grads[2]!]), [0, 0]);
    });
  });

  test('leaves nothing behind; equal calls give equal bits', async () => {
    const [x, r] = [normal([5000], 6), normal([5000], 7)];
    const run = (): Tensor[] => {
      const op = (t?: Tensor, scale?: Tensor, residual?: Tensor) =>
        scaleBiasResidual(t!, { scale, residual, activation: 'relu' });
      return withGradients(op, [tensor(x), scalar(0.5), tensor(r)], tensor(r)).grads;
    };
    await expectNoLeak(() => tf.tidy(() => void run()));
    tf.tidy(() => {
      const [first, second] = [run(), run()];
      for (const i of [0, 1, 2]) expectSameBits('gradient', second[i]!, first[i]!);
    });
  });

  test('backends tensorflow and cpu agree', async () => {
    const x = normal([300], 9);
    const run = () =>
      tf.tidy(() => {
        const op = (t?: Tensor, b?: Tensor) => biasReluBias(t!, b!, 0.5);
        const { y, grads } = withGradients(op, [tensor(x), scalar(0.1)], tensor(normal([300], 4)));
        return [y, ...grads].map((t) => Float32Array.from(values(t)));
      });
    const here = run();
    const cpu = await onBackend('cpu', run);
    for (const i of [0, 1, 2]) expectClose('y, dx, db', here[i]!, cpu[i]!, { absolute: 2e-5 });
  });

  (native ? test : test.skip)('one call, one launch, no memory but the output', () => {
    const shape = [16, 33, 65];
    const [x, r] = [tf.ones(shape), tf.ones(shape)];
    norm.resetCounters();
    tf.dispose(scaleBiasResidual(x, { scale: 2, bias: 1, residual: r, activation: 'relu' }));
    const { opCalls, launches, outputBytes, tempBytes } = norm.counters();
    expect({ opCalls, outputBytes, tempBytes }).toEqual({
      opCalls: 1,
      outputBytes: 4 * sizeOf(shape),
      tempBytes: 0,
    });
    expect(launches).toBe(asked === 'host' ? 0 : 1);
    tf.dispose([x, r]);
  });

  (native ? test : test.skip)('a gradient is one call, and has what nothing else is', () => {
    const shape = [16, 33, 65];
    const bytes = 4 * sizeOf(shape);
    const [x, r, dy] = [tf.ones(shape), tf.ones(shape), tf.ones(shape)];
    const spent = (op: (x: Tensor, r: Tensor) => Tensor) => {
      norm.resetCounters();
      op(x, r).dispose();
      const alone = norm.counters();
      norm.resetCounters();
      tf.dispose(tf.grads(op as never)([x, r], dy));
      const both = norm.counters();
      expect(both.opCalls).toBe(2);
      expect(both.tempBytes).toBeLessThan(bytes / 100);
      return both.outputBytes - alone.outputBytes;
    };
    const end = (options: object) => (t: Tensor, residual: Tensor) =>
      scaleBiasResidual(t, { residual, ...options });
    // dx and dz; dx alone, the residual's is the same; neither, both are dy; dx, for the residual's is dy.
    expect(spent(end({ scale: 2, activation: 'relu' }))).toBe(2 * bytes + 4);
    expect(spent(end({ activation: 'relu' }))).toBe(bytes);
    expect(spent(end({ bias: 1 }))).toBe(4);
    expect(spent((t, branch) => skipInit(t, branch, 0.5))).toBe(bytes + 4);
    tf.dispose([x, r, dy]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 3.4e38, 1e-40])(
    'one %d changes its own element only',
    (value) => {
      tf.tidy(() => {
        const x = normal([4, 3, 5, 6], 3);
        const run = () => {
          const op = (t?: Tensor) => scaleBiasResidual(biasReluBias(t!, 0.5, 1), { scale: 0.5 });
          const { y, grads } = withGradients(op, [tensor(x)], tf.ones([4, 3, 5, 6]));
          return [y, grads[0]!].map((t) => Array.from(values(t)));
        };
        const clean = run();
        x.data[7] = value;
        run().forEach((got, i) => {
          got[7] = clean[i]![7]!;
          expect(got).toEqual(clean[i]);
        });
      });
    },
  );

  test('takes slices and transposes, and tensors of another backend', async () => {
    const big = normal([5, 3, 4], 7);
    const part = big.data.slice(12);
    tf.tidy(() => {
      const slice = tensor(big).slice([1, 0, 0]);
      expectClose(
        'of a slice',
        scalarBias(slice, 1),
        Array.from(part, (v) => v + 1),
      );
      const view = tensor(big).transpose([2, 1, 0]).transpose([2, 1, 0]);
      expectClose(
        'of a view',
        scalarBias(view, 1),
        Array.from(big.data, (v) => v + 1),
      );
    });
    const x = await onBackend('cpu', () => tensor(big));
    const y = scalarBias(x, 1);
    expectClose(
      'y',
      y,
      Array.from(big.data, (v) => v + 1),
    );
    tf.dispose([x, y]);
  });

  test('refuses a disposed tensor, and leaves nothing of a call that fails', () => {
    const x = tf.ones([3]);
    x.dispose();
    const before = memory();
    expect(() => scalarBias(x, 1)).toThrow(/disposed/);
    expect(() =>
      tf.tidy(() => {
        scalarBias(tf.ones([3]), 1);
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(memory()).toEqual(before);
  });

  test('agrees with the definition on random shapes and parts', () => {
    const parts = fc.record({
      shape: fc.array(fc.constantFrom(0, 1, 2, 3, 5, 7, 31, 33, 64), { maxLength: 4 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
      scale: fc.option(fc.constantFrom(-1.5, 0, 0.75)),
      bias: fc.option(fc.constantFrom(-0.25, 2)),
      residual: fc.boolean(),
      activation: fc.constantFrom('relu' as const, 'linear' as const),
    });
    fc.assert(
      fc.property(parts, ({ shape, seed, scale, bias, residual, activation }) => {
        fc.pre(sizeOf(shape) <= 6000);
        tf.tidy(() => {
          // Multiples of 1/16: on which side of 0 a sum is, is beyond doubt.
          const [x, r, dy] = [1, 2, 3].map((i) => {
            const drawn = normal(shape, seed + i);
            return { shape, data: drawn.data.map((v) => Math.round(16 * v) / 16) };
          }) as [Array64, Array64, Array64];
          const op = (t?: Tensor, more?: Tensor) =>
            scaleBiasResidual(t!, {
              ...(scale !== null && { scale }),
              ...(bias !== null && { bias }),
              ...(residual && { residual: more! }),
              activation,
            });
          const given = residual ? [x, r] : [x];
          const { y, grads } = withGradients(op, given.map(tensor), tensor(dy));
          const z = x.data.map(
            (v, i) => (scale ?? 1) * v + (bias ?? 0) + (residual ? r.data[i]! : 0),
          );
          const relu = activation === 'relu';
          expectClose('y', y, relu ? z.map((v) => Math.max(v, 0)) : z);
          const dz = dy.data.map((v, i) => (relu && !(z[i]! > 0) ? 0 : v));
          expectClose(
            'dx',
            grads[0]!,
            dz.map((v) => (scale ?? 1) * v),
          );
          if (residual) expectClose('dresidual', grads[1]!, dz);
        });
      }),
      { numRuns: 60, seed: 20_240_601 },
    );
  });

  const x = () => tf.zeros([3]);
  const bad = (body: () => unknown) => () => tf.tidy(() => void body());
  describeBadArguments({
    badArguments: [
      ['no bias', bad(() => scalarBias(x(), undefined as never)), /^scalarBias: bias/],
      ['two biases', bad(() => scalarBias(x(), tf.ones([2]))), /^scalarBias: bias.*2/],
      ['no second bias', bad(() => biasReluBias(x(), 1, null as never)), /^biasReluBias: after/],
      [
        'another residual',
        bad(() => scaleBiasResidual(x(), { residual: tf.ones([4]) })),
        /^scaleBiasResidual: residual.*\[3\].*4/,
      ],
      [
        'another activation',
        bad(() => scaleBiasResidual(x(), { activation: 'elu' as never })),
        /^scaleBiasResidual: activation.*got 'elu'/,
      ],
      ['another branch', bad(() => skipInit(x(), tf.ones([1]), 0)), /^skipInit: branch.*\[3\]/],
      ['no alpha', bad(() => skipInit(x(), x(), undefined as never)), /^skipInit: alpha/],
      ['an int32 tensor', bad(() => scalarBias(tf.ones([2], 'int32'), 1)), /^scalarBias: x.*int32/],
    ],
  } as never);
});

describe('initializers.fixup', () => {
  const { fixup } = norm.initializers;

  test('the deviation of what it draws, zeros in the last layer, the same by seed', () => {
    tf.tidy(() => {
      const args = { numBranches: 16, layersInBranch: 3, layerIndex: 1, seed: 0 };
      const w = fixup(args).apply([3, 3, 64, 64]);
      const deviation = Math.sqrt(2 / 576) / 2;
      expectClose('deviation', tf.sqrt(tf.mean(tf.square(w))), [deviation], { relative: 0.02 });
      expectSameBits('seed', fixup(args).apply([3, 3, 64, 64]), w);
      for (const last of [{ layerIndex: 2 }, { layersInBranch: 1, layerIndex: 0 }]) {
        expectSameBits('last', fixup({ ...args, ...last }).apply([2, 5]), tf.zeros([2, 5]));
      }
    });
  });

  test('in a layer, saved and loaded', () => {
    const kernelInitializer = fixup({ numBranches: 4, mode: 'fanIn', seed: 3 });
    const layer = tf.layers.dense({ units: 2, kernelInitializer });
    const copy = tf.layers.dense(layer.getConfig() as never) as never;
    const { kernelInitializer: again } = copy as { kernelInitializer: typeof kernelInitializer };
    expect(again.getConfig()).toEqual({
      numBranches: 4,
      layersInBranch: 2,
      layerIndex: 0,
      mode: 'fanIn',
      seed: 3,
    });
  });

  const bad = (args: object) => () => void fixup(args as never);
  describeBadArguments({
    badArguments: [
      ['no branches', bad({ numBranches: 0 }), /FixupInitializer.*numBranches.*1 or more.*=0/],
      ['no number', bad({}), /numBranches/],
      ['no layers', bad({ numBranches: 2, layersInBranch: 0 }), /layersInBranch/],
      ['beyond the last', bad({ numBranches: 2, layerIndex: 2 }), /layerIndex must be below/],
      ['another mode', bad({ numBranches: 2, mode: 'fan' }), /mode.*='fan'/],
    ],
  } as never);
});
