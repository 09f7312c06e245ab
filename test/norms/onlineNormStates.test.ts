/** The states of online norm: what calls and backward passes do to them, and what they must leave alone. */
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, array64, normal, sizeOf } from '../support/arrays';
import { expectAllFinite, expectClose, expectSameBits, values } from '../support/expectClose';
import { readGolden } from '../support/golden';
import { online } from '../support/onlineReference';
import { instancePartition, type Options } from '../support/reference';
import { memory, tensor } from '../support/tensors';

const { onlineNorm } = norm.ops;
const EPSILON = 1e-5;

type States = Record<'mean' | 'variance' | 'u' | 'v', Variable>;

/** Variables of shape [C], or [2, C] with low parts of 0. */
function statesOf(
  channels: number,
  { precise = false, start = {} }: { precise?: boolean; start?: Record<string, Float64Array> } = {},
): States {
  const state = (name: string, otherwise: number) => {
    const exact = start[name] ?? new Float64Array(channels).fill(otherwise);
    const high = Float32Array.from(exact);
    const low = exact.map((value, c) => value - high[c]!);
    const shape = precise ? [2, channels] : [channels];
    const all = Float32Array.from([...high, ...(precise ? low : [])]);
    return tf.tidy(() => tf.variable(tf.tensor(all, shape), false));
  };
  return {
    mean: state('mean', 0),
    variance: state('variance', 1),
    u: state('u', 0),
    v: state('v', 0),
  };
}

/** The values of a state, low parts added. */
function read(state: Tensor): Float64Array {
  const all = values(state);
  const channels = state.shape.at(-1)!;
  const low = (c: number) => (state.rank === 2 ? all[channels + c]! : 0);
  return Float64Array.from({ length: channels }, (_, c) => all[c]! + low(c));
}

interface Affine {
  gamma: Tensor;
  beta: Tensor;
}

/** One training step: y and the gradients, the states moved. */
function step(x: Tensor, dy: Tensor, { gamma, beta }: Affine, states: States, options: object) {
  const { mean, variance, ...control } = states;
  const f = (t: Tensor, g: Tensor, b: Tensor) => {
    const all = { movingMean: mean, movingVariance: variance, control, epsilon: EPSILON };
    const result = onlineNorm(t, { gamma: g, beta: b, ...all, ...options });
    mean.assign(result.movingMean as never);
    variance.assign(result.movingVariance as never);
    return result.y;
  };
  const { value, grads } = tf.valueAndGrads(f)([x, gamma, beta], dy);
  return { y: value, dx: grads[0]!, dgamma: grads[1]!, dbeta: grads[2]! };
}

function samples(x: Array64, first: number, count: number): Tensor {
  const size = sizeOf(x.shape.slice(1));
  const data = x.data.subarray(first * size, (first + count) * size);
  return tensor(array64([count, ...x.shape.slice(1)], data));
}

const compensations = ['none', 'clamp', 'layerScaling'] as const;

describe('a call of N samples is any calls of the same samples', () => {
  const splits = [
    [1, 1, 1, 1, 1, 1],
    [2, 1, 3],
  ];
  const kinds = compensations.flatMap((errorCompensation) =>
    [
      [6, 4, 3, 5],
      [6, 7],
      [6, 1, 1, 9],
    ].map((shape) => [errorCompensation, shape] as const),
  );

  function compare(shape: number[], mean: number, options: object, precise: boolean, check: Check) {
    tf.tidy(() => {
      const channels = shape.at(-1)!;
      const [x, dy] = [normal(shape, 1, { mean, deviation: 1.5 }), normal(shape, 2)];
      const affine = {
        gamma: tensor(normal([channels], 3, { mean: 1, deviation: 0.3 })),
        beta: tensor(normal([channels], 4)),
      };
      const start = {
        mean: normal([channels], 5, { mean }).data,
        variance: normal([channels], 6).data.map((value) => 1 + value ** 2),
        u: normal([channels], 7).data,
        v: normal([channels], 8).data,
      };
      const all = statesOf(channels, { start, precise });
      const whole = step(tensor(x), tensor(dy), affine, all, options);
      for (const split of splits) {
        const states = statesOf(channels, { start, precise });
        let first = 0;
        const parts = split.map((count) => {
          const [part, gradient] = [samples(x, first, count), samples(dy, first, count)];
          first += count;
          return step(part, gradient, affine, states, options);
        });
        const joined = (name: 'y' | 'dx') => tf.concat(parts.map((part) => part[name]));
        const summed = (name: 'dgamma' | 'dbeta') => tf.addN(parts.map((part) => part[name]));
        check('y', joined('y'), whole.y);
        check('dx', joined('dx'), whole.dx);
        check('dgamma', summed('dgamma'), whole.dgamma);
        check('dbeta', summed('dbeta'), whole.dbeta);
        for (const name of ['mean', 'variance', 'u', 'v'] as const) {
          check(name, read(states[name]), read(all[name]));
        }
        tf.dispose(states);
      }
      tf.dispose(all);
    });
  }
  type Check = (what: string, got: Tensor | Float64Array, want: Tensor | Float64Array) => void;
  const near = (scaled: number): Check => {
    return (what, got, want) => expectClose(what, got, want, { scaled });
  };
  const options = (errorCompensation: string) => ({
    errorCompensation,
    clampValue: 1.5,
    alphaForward: 0.95,
    alphaBackward: 0.9,
  });

  test.each(kinds)('%s, %j', (errorCompensation, shape) => {
    compare(shape, 0.5, options(errorCompensation), false, near(4e-6));
  });

  test.each(kinds)('%s, %j around 1e4, with low parts', (errorCompensation, shape) => {
    compare(shape, 1e4, options(errorCompensation), true, near(4e-6));
  });

  test('around 1e4 states of float32 alone are not enough', () => {
    let worst = 0;
    compare([6, 4, 3, 5], 1e4, options('none'), false, (what, got, want) => {
      if (what !== 'y') return;
      const [a, b] = [values(got), values(want)];
      for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
    });
    expect(worst).toBeGreaterThan(5e-5);
  });
});

test('the golden sequence, its states handed on from step to step', () => {
  const steps = readGolden('online_norm.json').filter(({ name }) => name.startsWith('sequence'));
  expect(steps).toHaveLength(3);
  tf.tidy(() => {
    const { mu, var: spread, u, v } = steps[0]!.inputs;
    const start = { mean: mu!.data, variance: spread!.data, u: u!.data, v: v!.data };
    const states = statesOf(3, { start, precise: true });
    for (const { attrs, inputs, outputs, grads, gradOutput } of steps) {
      const affine = { gamma: tensor(inputs.gamma!), beta: tensor(inputs.beta!) };
      const got = step(tensor(inputs.x!), tensor(gradOutput), affine, states, {
        errorCompensation: attrs.ecm,
        alphaForward: attrs.alphaFwd,
        alphaBackward: attrs.alphaBwd,
      });
      const tolerance = { scaled: 2e-6, relative: 2e-5 };
      expectClose('y', got.y, outputs.y!.data, tolerance);
      expectClose('dx', got.dx, grads.x!.data, tolerance);
      expectClose('dgamma', got.dgamma, grads.gamma!.data, tolerance);
      expectClose('newMu', read(states.mean), outputs.newMu!.data, { scaled: 2e-7 });
      expectClose('newVar', read(states.variance), outputs.newVar!.data, { scaled: 2e-7 });
      expectClose('newU', read(states.u), outputs.newU!.data, tolerance);
      expectClose('newV', read(states.v), outputs.newV!.data, tolerance);
    }
    tf.dispose(states);
  });
});

describe('control', () => {
  const shape = [3, 2, 4, 5];
  const x = normal(shape, 11);
  const dy = normal(shape, 12);
  const start = { u: normal([5], 13).data, v: normal([5], 14).data };
  const moving = () => ({ movingMean: tf.zeros([5]), movingVariance: tf.ones([5]) });
  const gradient = (options: object, of = tensor(x)) =>
    tf.grad((t: Tensor) => onlineNorm(t, { ...moving(), epsilon: EPSILON, ...options }).y)(
      of,
      tensor(dy),
    );
  const reference = (given: object) =>
    online(x.data, instancePartition(shape, {}), {}, { epsilon: EPSILON }, given);

  test('each backward pass moves it once, forward calls do not', () => {
    tf.tidy(() => {
      const { u, v } = statesOf(5, { start });
      const control = { u, v };
      onlineNorm(tensor(x), { ...moving(), control });
      expectSameBits('u', u, Float32Array.from(start.u));
      let given = { u: start.u, v: start.v };
      for (let pass = 0; pass < 3; pass++) {
        const want = reference(given).gradients(dy.data);
        expectClose(`dx of pass ${pass}`, gradient({ control }), want.x);
        expectClose(`u after pass ${pass}`, u, want.u);
        expectClose(`v after pass ${pass}`, v, want.v);
        given = { u: want.u, v: want.v };
      }
      tf.dispose(control);
    });
  });

  test('updateControl false: the same gradient again, from variables and from tensors', () => {
    tf.tidy(() => {
      const { u, v } = statesOf(5, { start });
      const frozen = { control: { u, v }, updateControl: false };
      const plain = { u: u.clone(), v: v.clone() };
      const [first, second] = [gradient(frozen), gradient(frozen)];
      expectSameBits('dx', second, first);
      expectSameBits('u', u, plain.u);
      expectSameBits('v', v, plain.v);
      expectSameBits('dx', gradient({ control: plain, updateControl: false }), first);
      expectSameBits('dx', gradient({ control: { u, v } }), first);
      expect(read(u)).not.toEqual(read(plain.u));
      tf.dispose([u, v]);
    });
  });

  test('without it a backward pass starts from 0', () => {
    tf.tidy(() => {
      expectClose('dx', gradient({}), reference({}).gradients(dy.data).x);
      expectSameBits('dx', gradient({}), gradient({}));
    });
  });

  test('at inference it has no part', () => {
    tf.tidy(() => {
      const { u, v } = statesOf(5, { start });
      const dx = gradient({ control: { u, v }, training: false, errorCompensation: 'none' });
      expectClose(
        'dx',
        dx,
        dy.data.map((g) => g / Math.sqrt(1 + EPSILON)),
      );
      expectSameBits('u', u, Float32Array.from(start.u));
      tf.dispose([u, v]);
    });
  });

  test('several calls in one step: statistics in the order of calls, control in reverse', () => {
    tf.tidy(() => {
      const { mean, variance, u, v } = statesOf(5, { start });
      const inputs = [0, 1, 2].map((n) => samples(x, n, 1));
      const f = (...parts: Tensor[]) => {
        const ys = parts.map((part) => {
          const options = { movingMean: mean, movingVariance: variance, control: { u, v } };
          const result = onlineNorm(part, { ...options, epsilon: EPSILON });
          mean.assign(result.movingMean as never);
          variance.assign(result.movingVariance as never);
          return result.y;
        });
        return tf.concat(ys);
      };
      const { value, grads } = tf.valueAndGrads(f)(inputs, tensor(dy));
      const forward = reference(start);
      expectClose('y', value, forward.y);
      expectClose('mean', mean, forward.mean);
      expectClose('variance', variance, forward.variance);

      // The last call's samples, with the statistics that it saw, are the first of the backward pass.
      let control: { u: Float64Array; v: Float64Array } = start;
      const size = sizeOf(shape.slice(1));
      for (const n of [2, 1, 0]) {
        const before = online(
          x.data.slice(0, n * size),
          instancePartition([n, ...shape.slice(1)], {}),
          {},
          { epsilon: EPSILON },
        );
        const one = [1, ...shape.slice(1)];
        const part = (of: Array64) => of.data.slice(n * size, (n + 1) * size);
        const states = { mean: before.mean, variance: before.variance, ...control };
        const own = n === 0 ? control : states;
        const want = online(part(x), instancePartition(one, {}), {}, { epsilon: EPSILON }, own);
        const gradients = want.gradients(part(dy));
        expectClose(`dx of call ${n}`, grads[n]!, gradients.x);
        control = { u: gradients.u, v: gradients.v };
      }
      expectClose('u', u, control.u);
      expectClose('v', v, control.v);
      tf.dispose([mean, variance, u, v]);
    });
  });

  test('second-order gradients are refused by name', () => {
    tf.tidy(() => {
      const first = (t: Tensor) => gradient({}, t);
      expect(() => tf.grad(first)(tensor(x))).toThrow(
        /^onlineNorm: .*second-order.*TfjsOnlineNorm/,
      );
    });
  });

  test('a backward pass that throws leaves the states and no tensors', () => {
    const { u, v } = statesOf(5, { start });
    const before = memory();
    tf.tidy(() => {
      const given = tensor(x);
      const gone = tf.variable(tf.zeros([5]), false);
      const f = (t: Tensor) => {
        const { y } = onlineNorm(t, { ...moving(), control: { u, v: gone } });
        gone.dispose();
        return y;
      };
      expect(() => tf.grad(f)(given, tensor(dy))).toThrow(/^onlineNorm: control.*disposed/);
    });
    expect(memory()).toEqual(before);
    expectSameBits('u', u, Float32Array.from(start.u));
    tf.dispose([u, v]);
  });
});

describe('start-up far from the data: mean 0, data around 1e4', () => {
  const shape = [6, 3, 3, 4];
  const x = normal(shape, 21, { mean: 1e4 });
  const dy = normal(shape, 22);

  function startUp(options: Options) {
    const settings = { epsilon: EPSILON, ...options };
    const want = online(x.data, instancePartition(shape, {}), {}, settings);
    const states = statesOf(4, { precise: true });
    const affine = { gamma: tf.ones([4]), beta: tf.zeros([4]) };
    const got = step(tensor(x), tensor(dy), affine, states, options);
    return { want, gradients: want.gradients(dy.data), got, states };
  }

  test('clamp bounds y and stops the gradient until the statistics have followed', () => {
    tf.tidy(() => {
      const { got, states } = startUp({ alphaForward: 0.999 });
      expect(new Set(values(got.y) as Float32Array)).toEqual(new Set([5]));
      expect(Array.from(values(got.dx)).map(Math.abs)).toEqual(new Array(216).fill(0));
      expectClose('v', read(states.v), new Float64Array(4), { absolute: 0 });
      tf.dispose(states);
    });
  });

  test('without compensation y is as large as the statistics are wrong', () => {
    tf.tidy(() => {
      const { want, gradients, got, states } = startUp({ errorCompensation: 'none' });
      expectClose('y', got.y, want.y);
      // The rate is a float32: a relative error of 3e-8.
      expectClose('mean', read(states.mean), want.mean, { relative: 1e-7 });
      expectClose('variance', read(states.variance), want.variance, { relative: 1e-6 });
      // The first sample alone makes the variance 1e5: yHat^2 is 1e3 after it, and v's factors -9, -4, ...
      expect(Math.max(...gradients.v.map(Math.abs))).toBeGreaterThan(1e5);
      expectClose('dx', got.dx, gradients.x, { scaled: 1e-6, relative: 2e-5 });
      expectClose('v', read(states.v), gradients.v, { relative: 2e-5 });
      tf.dispose(states);
    });
  });

  test('layer scaling keeps y of order 1', () => {
    tf.tidy(() => {
      const { want, got, states } = startUp({ errorCompensation: 'layerScaling' });
      expectAllFinite('y', got.y);
      expectClose('y', got.y, want.y);
      tf.dispose(states);
    });
  });
});
