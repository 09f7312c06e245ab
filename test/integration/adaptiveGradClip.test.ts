/** Adaptive gradient clipping as an optimizer: in model.fit, in loops, in model files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayersModel, Optimizer, Scalar, Tensor, Variable } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectSameBits } from '../support/expectClose';
import { expectNoLeak, tensor } from '../support/tensors';

const { adaptiveGradClip } = norm.optimizers;

function network(optimizer: Optimizer): LayersModel {
  const kernelInitializer = (seed: number) => tf.initializers.heNormal({ seed });
  const model = tf.sequential({
    layers: [
      tf.layers.depthwiseConv2d({
        kernelSize: 3,
        depthMultiplier: 2,
        depthwiseInitializer: kernelInitializer(1),
        inputShape: [6, 6, 3],
        name: 'depthwise',
      }),
      tf.layers.conv2d({ filters: 4, kernelSize: 2, kernelInitializer: kernelInitializer(2) }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 2, kernelInitializer: kernelInitializer(3), name: 'logits' }),
    ],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

const data = () => ({ x: tensor(normal([8, 6, 6, 3], 1)), y: tensor(normal([8, 2], 2)) });
const weightsOf = (model: LayersModel) =>
  model.getWeights().map((weight) => Float32Array.from(weight.dataSync()));
async function fit(model: LayersModel, epochs: number): Promise<number[]> {
  const { x, y } = data();
  const { history } = await model.fit(x, y, { epochs, batchSize: 8, shuffle: false, verbose: 0 });
  tf.dispose([x, y]);
  return history.loss as number[];
}
const disposeAll = (model: LayersModel) => {
  model.optimizer.dispose();
  model.dispose();
};

/** What one step of SGD does with gradients clipped by the op, weight by weight. */
function expectedStep(model: LayersModel, rate: number, clipping: number, skip: RegExp | null) {
  return tf.tidy(() => {
    const { x, y } = data();
    const variables = model.trainableWeights.map((weight) => weight.read() as Variable);
    const loss = () =>
      tf.losses.meanSquaredError(y, model.apply(x, { training: true }) as Tensor) as Scalar;
    const { grads } = tf.variableGrads(loss, variables);
    return variables.map((variable) => {
      const axis = variable.name.includes('depthwise_kernel') ? [-2, -1] : undefined;
      const gradient = grads[variable.name]!;
      const clipped = skip?.test(variable.name)
        ? gradient
        : norm.ops.adaptiveGradClip(gradient, variable, { clipping, axis });
      return Float32Array.from(variable.sub(clipped.mul(rate)).dataSync());
    });
  });
}

test.each([null, /^logits/])('a step of model.fit clips every gradient but of %p', async (skip) => {
  const options = { clipping: 0.05, ...(skip && { exclude: skip }) };
  const model = network(adaptiveGradClip(tf.train.sgd(0.5), options));
  const want = expectedStep(model, 0.5, 0.05, skip);
  await fit(model, 1);
  // tfjs adds the product of rate and gradient in one op.
  weightsOf(model).forEach((weight, i) => {
    weight.forEach((v, at) => void expect(v).toBeCloseTo(want[i]![at]!, 6));
  });
  const unclipped = network(tf.train.sgd(0.5));
  await fit(unclipped, 1);
  const same = weightsOf(unclipped).map((weight, i) => `${weight}` === `${weightsOf(model)[i]}`);
  expect(same).toEqual([false, false, false, false, skip !== null, skip !== null]);
  for (const one of [model, unclipped]) disposeAll(one);
});

test('in a loop of one’s own, with momentum', () => {
  tf.tidy(() => {
    const w = tf.variable(tf.tensor2d([[1, 0.5]]), true, 'agcLoop');
    const optimizer = adaptiveGradClip(tf.train.momentum(1, 0.5), { clipping: 0.1 });
    const loss = () => tf.sum(tf.mul(w, [[100, 0.001]])) as Scalar;
    optimizer.minimize(loss);
    expectSameBits('w', w, tf.tensor2d([[0.9, 0.499]]));
    // 0.5 * 0.1 + 0.1 * 0.9, and 0.5 * 0.001 + 0.001.
    optimizer.minimize(loss);
    const [a, b] = w.dataSync();
    expect(a).toBeCloseTo(0.76, 6);
    expect(b).toBeCloseTo(0.4975, 6);
    optimizer.dispose();
    w.dispose();
  });
});

test('keeps a network finite that bursts without', async () => {
  const rate = 30;
  const bursting = network(tf.train.sgd(rate));
  expect((await fit(bursting, 25)).some(Number.isNaN)).toBe(true);
  const clipped = network(adaptiveGradClip(tf.train.sgd(rate), { clipping: 1e-3 }));
  const losses = await fit(clipped, 25);
  expect(losses.every(Number.isFinite)).toBe(true);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  for (const one of [bursting, clipped]) disposeAll(one);
});

test('is saved and loaded with a model, its base’s state too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
  const base = tf.train.adam(0.01);
  const exclude = ['depthwise_conv', /^log_?its/i];
  const model = network(adaptiveGradClip(base, { clipping: 0.02, epsilon: 0.01, exclude }));
  try {
    await fit(model, 3);
    await model.save(`file://${folder}`, { includeOptimizer: true });
    const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
    const optimizer = loaded.optimizer as ReturnType<typeof adaptiveGradClip>;
    expect(optimizer).toBeInstanceOf(norm.optimizers.AdaptiveGradClipOptimizer);
    expect(optimizer).toMatchObject({ clipping: 0.02, epsilon: 0.01, exclude });
    expect(optimizer.base.getClassName()).toBe('Adam');
    expect(optimizer.iterations).toBe(base.iterations);
    expect(await fit(loaded, 2)).toEqual(await fit(model, 2));
    disposeAll(loaded);
  } finally {
    rmSync(folder, { recursive: true });
    disposeAll(model);
  }
});

test('leaves nothing behind', async () => {
  await expectNoLeak(async () => {
    const model = network(adaptiveGradClip(tf.train.adam(0.01)));
    await fit(model, 2);
    disposeAll(model);
  });
});

test.each<[RegExp, () => unknown]>([
  [/^adaptiveGradClip: base must be an optimizer/, () => adaptiveGradClip('sgd' as never)],
  [/base must be an optimizer/, () => adaptiveGradClip(undefined as never)],
  [/clipping.*got 0/, () => adaptiveGradClip(tf.train.sgd(1), { clipping: 0 })],
  [/epsilon.*got NaN/, () => adaptiveGradClip(tf.train.sgd(1), { epsilon: Number.NaN })],
  [/exclude must be a string/, () => adaptiveGradClip(tf.train.sgd(1), { exclude: 3 as never })],
  [/exclude\[1\]/, () => adaptiveGradClip(tf.train.sgd(1), { exclude: ['a', null as never] })],
  [/clip is not an option/, () => adaptiveGradClip(tf.train.sgd(1), { clip: 1 } as never)],
])('refuses: %s', (message, call) => {
  expect(() => void call()).toThrow(message);
});
