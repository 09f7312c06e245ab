/** Attentive norm with every norm, activation and squeeze: y, the attention and all gradients; its edges. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { array64, normal } from '../support/arrays';
import { call, group, K, kernelOf, matrix } from '../support/attentiveCall';
import {
  type AttentiveParameters,
  type AttentiveSettings,
  attentive,
} from '../support/attentiveReference';
import { expectAllFinite, expectClose } from '../support/expectClose';
import { instancePartition } from '../support/reference';
import { tensor, withGradients } from '../support/tensors';

const ones = (...shape: number[]) => tf.ones(shape);
const { attentiveNorm } = norm.ops;

type Given = Omit<AttentiveSettings, 'epsilon'> & { kernelScale?: number; withBias?: boolean };

/** y, the attention and all seven gradients against the reference, and that against finite differences. */
function check(shape: number[], { kernelScale = 0.8, withBias = false, ...given }: Given) {
  const options: AttentiveSettings = { epsilon: 1e-5, k: K, ...given };
  const p = instancePartition(shape, options);
  const channels = p.parameterShape[0]!;
  const { moving, attentionMoving, k: _k, ...settings } = options;
  const ofNorm = options.attentionNorm !== 'none';
  const arrays = {
    x: normal(shape, 1, { mean: 0.5, deviation: 1.5 }),
    gamma: normal([K, channels], 2, { mean: 1, deviation: 0.3 }),
    beta: normal([K, channels], 3),
    attentionKernel: normal([K, channels], 4, { deviation: kernelScale }),
    ...(withBias ? { attentionBias: normal([K], 5) } : {}),
    ...(ofNorm
      ? {
          attentionGamma: normal([K], 6, { mean: 1, deviation: 0.3 }),
          attentionBeta: normal([K], 7, { deviation: 0.5 }),
        }
      : {}),
  };
  const dy = normal(shape, 8);
  const of = (name: string) => (arrays as Record<string, { data: Float64Array }>)[name]?.data;
  const parameters: AttentiveParameters = {
    gamma: of('gamma'),
    beta: of('beta'),
    kernel: of('attentionKernel')!,
    bias: of('attentionBias'),
    attentionGamma: of('attentionGamma'),
    attentionBeta: of('attentionBeta'),
  };
  const reference = attentive(arrays.x.data, p, parameters, options);
  const want = reference.gradients(dy.data);
  const wanted: Record<string, Float64Array> = {
    ...want,
    attentionKernel: want.kernel,
    attentionBias: want.bias,
  };
  const constants = (of: AttentiveSettings['moving'], names: [string, string], size: number) => ({
    [names[0]]: of ? tensor(array64([size], of.mean)) : tf.zeros([size]),
    [names[1]]: of ? tensor(array64([size], of.variance)) : tf.ones([size]),
  });
  tf.tidy(() => {
    const state = {
      ...(options.backbone === 'group'
        ? {}
        : constants(moving, ['movingMean', 'movingVariance'], channels)),
      ...((options.attentionNorm ?? 'batch') === 'batch'
        ? constants(attentionMoving, ['attentionMovingMean', 'attentionMovingVariance'], K)
        : {}),
    };
    const names = Object.keys(arrays);
    const run = (...tensors: Tensor[]) => {
      const { x, ...rest } = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      const training = !moving && !attentionMoving;
      return attentiveNorm(x!, { ...settings, ...state, ...rest, training } as never);
    };
    const inputs = Object.values(arrays).map(tensor);
    const { y, grads } = withGradients((...tensors) => run(...tensors).y, inputs, tensor(dy));
    expectClose('y', y, reference.y);
    expectClose('attention', run(...inputs).attention, reference.lambda);
    names.forEach((name, i) => {
      expectClose(`d${name}`, grads[i]!, wanted[name]!);
    });
    for (const grad of grads) expectAllFinite('a gradient', grad);
  });
  return { arrays, dy, reference, want, parameters, p, options };
}

describe('attentiveNorm', () => {
  const shape = [9, 5, 4, 6];
  const moving = { mean: normal([6], 21).data, variance: Float64Array.of(0.5, 1, 2, 0.25, 3, 1.5) };
  const attentionMoving = {
    mean: Float64Array.of(0.25, -1, 0.5),
    variance: Float64Array.of(0.5, 2, 1),
  };
  const activations = ['hardSigmoid', 'sigmoid', 'softmax'] as const;

  test.each<[string, number[], Given]>([
    ...activations.flatMap((attentionActivation): [string, number[], Given][] => [
      [`batch, ${attentionActivation}`, shape, { attentionActivation }],
      [`layer, ${attentionActivation}`, shape, { attentionActivation, attentionNorm: 'layer' }],
      [
        `no norm but a bias, ${attentionActivation}`,
        shape,
        { attentionActivation, attentionNorm: 'none', withBias: true },
      ],
    ]),
    ['a bias that batch norm takes off', shape, { withBias: true }],
    ['groups', shape, { ...group(3), attentionNorm: 'layer', withBias: true }],
    ['groups, batch norm of the logits', shape, group(2)],
    ['mean squeeze', shape, { squeeze: 'mean', attentionNorm: 'none' }],
    ['mean squeeze, groups', shape, { squeeze: 'mean', ...group(3) }],
    ['biased squeeze', shape, { unbiasedSqueezeVariance: false }],
    ['large squeezeEpsilon', shape, { squeezeEpsilon: 2 }],
    ['one position', [9, 7], {}],
    ['one position, groups', [9, 6], { ...group(3), attentionNorm: 'none' }],
    ['one sample', [1, 4, 5, 3], { attentionNorm: 'layer' }],
    ['inference', shape, { moving, attentionMoving }],
    ['inference, softmax', shape, { moving, attentionMoving, attentionActivation: 'softmax' }],
    ['inference, groups', shape, { attentionMoving, ...group(2) }],
    ['inference, layer', shape, { moving, attentionNorm: 'layer' }],
    ['inference, one position', [5, 6], { moving, attentionMoving }],
    ['logits of 1e6', shape, { kernelScale: 1e6 }],
    ['logits of 1e6, softmax', shape, { kernelScale: 1e6, attentionActivation: 'softmax' }],
    ['logits of 1e6, layer', shape, { kernelScale: 1e6, attentionNorm: 'layer' }],
  ])('y, attention and every gradient: %s', (_, of, given) => {
    check(of, given);
  });

  test('the gradients of the reference are its slopes', () => {
    for (const attentionNorm of ['batch', 'layer', 'none'] as const) {
      const { arrays, dy, want, parameters, p, options } = check([4, 3, 2, 5], {
        attentionNorm,
        attentionActivation: 'sigmoid',
      });
      const loss = (change: object) =>
        attentive(arrays.x.data, p, { ...parameters, ...change }, options).y.reduce(
          (total, value, i) => total + value * dy.data[i]!,
          0,
        );
      for (const name of ['kernel', 'attentionGamma', 'attentionBeta'] as const) {
        const at = parameters[name];
        if (!at) continue;
        const v = normal([at.length], 99).data;
        const moved = (step: number) => loss({ [name]: at.map((a, i) => a + step * v[i]!) });
        const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        const along = want[name].reduce((total, value, i) => total + value * v[i]!, 0);
        expectClose(name, [along], [slope], { scaled: 1e-6, relative: 1e-6 });
      }
    }
  });

  test('saturated weights pass no gradient to the attention, exactly', () => {
    tf.tidy(() => {
      const x = tensor(normal(shape, 1));
      const far = { attentionBeta: tf.tensor1d([9, -9, 20]), attentionGamma: tf.fill([3], 0.1) };
      const { grads } = withGradients(
        (t, attentionKernel, gamma) => call(t!, { ...far, attentionKernel, gamma }),
        [x, matrix(3, 6), ones(3, 6)],
        tensor(normal(shape, 8)),
      );
      expect([...grads[1]!.dataSync()].map(Math.abs)).toEqual(new Array(18).fill(0));
      // Weights 1, 0, 1: what is left is batch norm with scale 2.
      const batch = { movingMean: tf.zeros([6]), movingVariance: tf.ones([6]), epsilon: 1e-5 };
      const plain = withGradients(
        (t) => norm.ops.batchNorm(t!, { ...batch, gamma: tf.fill([6], 2) }).y,
        [x],
        tensor(normal(shape, 8)),
      );
      expectClose('dx', grads[0]!, plain.grads[0]!);
    });
  });

  test('one sample: batch norm of the logits leaves the weights to attentionBeta', () => {
    tf.tidy(() => {
      const x = tensor(normal([1, 4, 5, 6], 1, { mean: 3 }));
      const state = { movingMean: tf.zeros([6]), movingVariance: tf.ones([6]) };
      const result = attentiveNorm(x, {
        ...state,
        attentionKernel: matrix(3, 6),
        attentionBeta: tf.tensor1d([0, 1.5, -3]),
        attentionMovingMean: tf.zeros([3]),
        attentionMovingVariance: tf.ones([3]),
      });
      expect([...result.attention.dataSync()]).toEqual([0.5, 0.75, 0]);
      // One value: the variance is 0, biased or not.
      expectClose('variance', result.attentionMovingVariance, [0.9, 0.9, 0.9]);
      const { grads } = withGradients(
        (t, attentionKernel, gamma) => call(t!, { attentionKernel, gamma }),
        [x, matrix(3, 6), ones(3, 6)],
        tensor(normal([1, 4, 5, 6], 8)),
      );
      expect([...grads[1]!.dataSync()].map(Math.abs)).toEqual(new Array(18).fill(0));
    });
  });

  test.each([
    ['batch', 'hardSigmoid'],
    ['batch', 'softmax'],
    ['layer', 'sigmoid'],
    ['none', 'softmax'],
    ['none', 'hardSigmoid'],
  ])('logits of 1e30, norm %s, %s: nothing but numbers', (attentionNorm, attentionActivation) => {
    tf.tidy(() => {
      const { y, grads } = withGradients(
        (x, gamma, attentionKernel) =>
          call(x!, { gamma, attentionKernel, attentionNorm, attentionActivation }),
        [tensor(normal(shape, 1)), ones(3, 6), matrix(3, 6).mul(1e30)],
        tensor(normal(shape, 8)),
      );
      for (const of of [y, ...grads]) expectAllFinite('a result', of);
    });
  });

  test('one NaN stays in its sample and channel where the logits are not normalized over the batch', () => {
    tf.tidy(() => {
      for (const options of [{ attentionNorm: 'none' }, { attentionNorm: 'layer', ...group(6) }]) {
        const x = normal(shape, 1);
        const gamma = ones(3, 6);
        const clean = call(tensor(x), { ...options, gamma }).dataSync();
        x.data[7] = Number.NaN;
        const y = call(tensor(x), { ...options, gamma }).dataSync();
        const sample = x.data.length / 9;
        y.forEach((value, i) => {
          if (i >= sample && i % 6 !== 1) expect(value).toBe(clean[i]);
          if (i < sample) expect(value).toBeNaN();
        });
      }
    });
  });

  test.each([true, false])('running statistics follow and stay, unbiased %s', (unbiased) => {
    const x = normal(shape, 1, { mean: 2 });
    const p = instancePartition(shape, {});
    const kernel = kernelOf(K, 6);
    const { batch, logits } = attentive(x.data, p, { kernel }, { epsilon: 1e-5 });
    const follow = (old: Float64Array, now: ArrayLike<number>, count = 0) =>
      old.map((value, c) => 0.75 * value + 0.25 * now[c]! * (count ? count / (count - 1) : 1));
    tf.tidy(() => {
      const options = {
        attentionKernel: matrix(K, 6),
        movingMean: tensor(array64([6], moving.mean)),
        movingVariance: tensor(array64([6], moving.variance)),
        attentionMovingMean: tensor(array64([3], attentionMoving.mean)),
        attentionMovingVariance: tensor(array64([3], attentionMoving.variance)),
        momentum: 0.75,
        unbiased,
      };
      const trained = attentiveNorm(tensor(x), options);
      expectClose('mean', trained.movingMean, follow(moving.mean, batch.mean));
      const wanted = follow(moving.variance, batch.variance, unbiased ? 180 : 0);
      expectClose('variance', trained.movingVariance, wanted);
      const means = logits.map(({ mean }) => mean);
      const variances = logits.map(({ variance }) => variance);
      const { mean, variance } = attentionMoving;
      expectClose('logit mean', trained.attentionMovingMean, follow(mean, means));
      const wantedLogits = follow(variance, variances, unbiased ? 9 : 0);
      expectClose('logit variance', trained.attentionMovingVariance, wantedLogits);
      const inferred = attentiveNorm(tensor(x), { ...options, training: false });
      for (const name of [
        'movingMean',
        'movingVariance',
        'attentionMovingMean',
        'attentionMovingVariance',
      ] as const) {
        expect(inferred[name].dataSync()).toEqual(options[name].dataSync());
      }
    });
  });
});
