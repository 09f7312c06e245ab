/** What both ops with noise of channels have in common: seeds, granularity, edges, refusals. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { describeBadArguments } from '../support/checks/badArguments';
import { expectClose, expectSameBits, values } from '../support/expectClose';
import { GRANULARITIES, type Granularity } from '../support/stochasticReference';
import { expectNoLeak, onBackend, tensor, withGradients } from '../support/tensors';

const { bayesianAffine, stochasticAffine } = norm.ops;

const four = () => ({
  logScale: tf.zeros([4]),
  rhoScale: tf.fill([4], -2),
  bias: tf.zeros([4]),
  rhoBias: tf.fill([4], -2),
});

describe.each([
  ['stochasticAffine', (x: Tensor, o: object) => stochasticAffine(x, { effectiveN: 8, ...o })],
  ['bayesianAffine', (x: Tensor, o: object) => bayesianAffine(x, { ...four(), ...o })],
] as [string, (x: Tensor, options: object) => Tensor][])('%s', (name, op) => {
  // quality.md C6 29.
  test('the same seed twice gives the same bits, another seed or step other ones', () => {
    tf.tidy(() => {
      const x = tensor(normal([5, 4], 1));
      const draw = (options: object) => op(x, options);
      for (const seed of [0, 1, -7, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
        const first = draw({ seed });
        expectSameBits('y', draw({ seed }), first);
        expectSameBits('y', draw({ seed, stream: 0 }), first);
        const others = [
          { seed, stream: 1 },
          { seed: seed === 3 ? 4 : 3 },
          { seed, stream: 2 ** 40 },
        ];
        for (const other of others) {
          expect(tf.equal(draw(other), first).sum().dataSync()[0]).toBe(0);
        }
      }
    });
  });

  test('without a seed every call draws anew', () => {
    tf.tidy(() => {
      const x = tensor(normal([5, 4], 1));
      expect(tf.equal(op(x, {}), op(x, {})).sum().dataSync()[0]).toBe(0);
    });
  });

  test('noise is of a channel, or of a sample and channel', () => {
    tf.tidy(() => {
      const x = tf.ones([3, 2, 4]);
      const distinct = (granularity: Granularity) =>
        new Set(Array.from(values(op(x, { seed: 1, granularity })))).size;
      expect([distinct('batch'), distinct('sample')]).toEqual([4, 12]);
    });
  });

  test.each([[[0, 4]], [[3, 0, 4]], [[3, 2, 0]]])('empty %j', (shape) => {
    tf.tidy(() => {
      const channels = shape.at(-1)!;
      for (const granularity of GRANULARITIES) {
        const parameter = tf.ones([channels]);
        const options =
          name === 'bayesianAffine'
            ? { logScale: parameter, rhoScale: parameter, bias: parameter, rhoBias: parameter }
            : {};
        const { y, grads } = withGradients(
          (x, weight) =>
            op(x!, {
              ...options,
              [name === 'bayesianAffine' ? 'logScale' : 'gamma']: weight,
              granularity,
            }),
          [tf.zeros(shape), parameter],
          tf.zeros(shape),
        );
        expect([y.shape, grads[0]!.shape]).toEqual([shape, shape]);
        expect(Array.from(values(grads[1]!))).toEqual(Array(channels).fill(0));
      }
    });
  });

  test('NaN and infinities stay where they are, but in sums of their channel', () => {
    tf.tidy(() => {
      const x = normal([6, 4], 1);
      x.data[5] = Number.NaN;
      x.data[10] = Number.POSITIVE_INFINITY;
      for (const granularity of GRANULARITIES) {
        const { y, grads } = withGradients(
          (t) => op(t!, { seed: 1, granularity }),
          [tensor(x)],
          tf.ones([6, 4]),
        );
        const finite = Array.from(values(y), Number.isFinite);
        expect(finite).toEqual(finite.map((_, i) => i !== 5 && i !== 10));
        expect(Array.from(values(grads[0]!)).every(Number.isFinite)).toBe(true);
      }
    });
  });

  test('leaves nothing behind', async () => {
    const x = tensor(normal([3, 4, 4], 6));
    op(x, {}).dispose();
    await expectNoLeak(() =>
      tf.tidy(() => {
        tf.grad((t: Tensor) => op(t, { granularity: 'sample' }))(x);
      }),
    );
    x.dispose();
  });

  test('backends tensorflow and cpu agree', async () => {
    const x = normal([7, 3, 4], 7);
    const run = () =>
      tf.tidy(() => {
        const options = { seed: 3, granularity: 'sample' };
        const { y, grads } = withGradients((t) => op(t!, options), [tensor(x)], tf.ones([7, 3, 4]));
        return [y, grads[0]!].map((t) => Float32Array.from(values(t)));
      });
    const here = run();
    const cpu = await onBackend('cpu', run);
    for (const i of [0, 1]) expectClose('y, dx', here[i]!, cpu[i]!, { absolute: 1e-6 });
  });

  (native ? test : test.skip)('one call forward, one backward; kernels', () => {
    const run = (granularity: Granularity) => {
      const [x, dy] = [tf.ones([16, 9, 4]), tf.ones([16, 9, 4])];
      norm.resetCounters();
      tf.tidy(() => {
        const parameter = tf.ones([4]);
        const given = name === 'bayesianAffine' ? 'logScale' : 'gamma';
        const call = (t: Tensor, weight: Tensor) =>
          op(t, { seed: 1, granularity, [given]: weight });
        tf.grads(call as never)([x, parameter], dy);
      });
      tf.dispose([x, dy]);
      const { opCalls, launches } = norm.counters();
      return { opCalls, launches };
    };
    const host = asked === 'host';
    expect(run('batch')).toEqual({ opCalls: 2, launches: host ? 0 : 5 });
    expect(run('sample')).toEqual({ opCalls: 2, launches: host ? 0 : 6 });
  });

  // Tensors are made inside of the tidy.
  const on = (options: () => object, x?: () => Tensor) => () =>
    tf.tidy(() => op(x?.() ?? tf.zeros([2, 3, 4]), options()));
  const says = (text: string) => new RegExp(`^${name}: ${text}`, 's');
  const own: [string, () => unknown, RegExp][] =
    name === 'stochasticAffine'
      ? [
          [
            'no effectiveN',
            on(() => ({ effectiveN: undefined })),
            says('effectiveN.*got undefined'),
          ],
          ['effectiveN 3', on(() => ({ effectiveN: 3 })), says('effectiveN.*got 3')],
          [
            'effectiveN 4.5',
            on(() => ({ effectiveN: 4.5 })),
            says('effectiveN.*integer from 4.*got 4.5'),
          ],
          ['effectiveN NaN', on(() => ({ effectiveN: Number.NaN })), says('effectiveN.*got NaN')],
          [
            'effectiveN Infinity',
            on(() => ({ effectiveN: Number.POSITIVE_INFINITY })),
            says('effectiveN.*got Infinity'),
          ],
          ["effectiveN '8'", on(() => ({ effectiveN: '8' })), says("effectiveN.*got '8'")],
          [
            'u and effectiveN',
            on(() => ({ u: tf.zeros([4]), v: tf.ones([4]) })),
            says('effectiveN.*beside u and v'),
          ],
          ['u alone', on(() => ({ effectiveN: undefined, u: tf.zeros([4]) })), says('v must be')],
          [
            'u per sample without granularity',
            on(() => ({ effectiveN: undefined, u: tf.zeros([2, 4]), v: tf.ones([2, 4]) })),
            says('u must have shape \\[4\\].*got \\[2,4\\]'),
          ],
          ['gamma of length 3', on(() => ({ gamma: tf.ones([3]) })), says('gamma.*\\[4\\]')],
        ]
      : [
          ['no logScale', on(() => ({ logScale: undefined })), says('logScale.*got undefined')],
          ['rhoBias of length 3', on(() => ({ rhoBias: tf.ones([3]) })), says('rhoBias.*\\[4\\]')],
          [
            'noise and seed',
            on(() => ({ scaleNoise: tf.zeros([4]), biasNoise: tf.zeros([4]), seed: 1 })),
            says('seed.*beside scaleNoise and biasNoise'),
          ],
        ];
  describeBadArguments({
    badArguments: [
      ...own,
      [
        "granularity 'pixel'",
        on(() => ({ granularity: 'pixel' })),
        says("granularity.*got 'pixel'"),
      ],
      ['seed 0.5', on(() => ({ seed: 0.5 })), says('seed.*integer.*got 0\\.5')],
      ['seed 2^53 + 1', on(() => ({ seed: 2 ** 53 + 1 })), says('seed.*integer.*got 9007')],
      ['stream -1', on(() => ({ seed: 1, stream: -1 })), says('stream.*got -1')],
      ['stream without seed', on(() => ({ stream: 1 })), says('stream.*without a seed')],
      ['axis 3', on(() => ({ axis: 3 })), says('axis.*got 3')],
      [
        'axis 0 per sample',
        on(() => ({ axis: 0, granularity: 'sample' })),
        says('axis.*batch axis'),
      ],
      [
        'x of rank 1',
        on(
          () => ({}),
          () => tf.zeros([4]),
        ),
        says('x must have rank 2'),
      ],
      [
        'x of int32',
        on(
          () => ({}),
          () => tf.zeros([2, 4], 'int32'),
        ),
        says('x must be a float32'),
      ],
    ],
  } as never);
});
