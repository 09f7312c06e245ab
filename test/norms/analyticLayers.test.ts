/** The layers with propagated moments: arguments, shapes, and what they refuse. */
import type { layers, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normal } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import { disposeLayer, tensor } from '../support/tensors';

const { analyticNormConv2d, analyticNormDense, inputMoments } = norm.layers;

const WEIGHTS = {
  kernelInitializer: { className: 'HeNormalExact', config: { seed: 1, truncated: false } },
  kernelRegularizer: { className: 'L1L2', config: { l1: 0, l2: 0.25 } },
  kernelConstraint: { className: 'MaxNorm', config: { maxValue: 3, axis: 0 } },
  scaleInitializer: { className: 'Constant', config: { value: 2 } },
  scaleRegularizer: { className: 'L1L2', config: { l1: 0.5, l2: 0 } },
  scaleConstraint: { className: 'NonNeg', config: {} },
  biasInitializer: { className: 'Constant', config: { value: 0.5 } },
  biasRegularizer: { className: 'L1L2', config: { l1: 0, l2: 0.125 } },
  biasConstraint: { className: 'NonNeg', config: {} },
};
const OWN = { ...WEIGHTS, activation: 'relu', inputCount: 4, name: 'own' };
const PLAIN = { activation: 'linear', inputCount: 1, scaleRegularizer: null };
const CONV = { filters: 5, kernelSize: [3, 2], strides: [2, 1], padding: 'same' };

test.each<[string, (args: never) => layers.Layer, object, object, object]>([
  ['InputMoments', inputMoments, { mean: [1, 2], variance: 0.25 }, {}, { mean: 0, variance: 1 }],
  ['AnalyticNormDense', analyticNormDense, { ...OWN, units: 3 }, { units: 3 }, PLAIN],
  [
    'AnalyticNormConv2D',
    analyticNormConv2d,
    { ...OWN, ...CONV },
    { filters: 5, kernelSize: 3 },
    { ...PLAIN, kernelSize: [3, 3], strides: [1, 1], padding: 'valid' },
  ],
])(
  '%s keeps every argument through getConfig, JSON and fromConfig',
  (className, make, given, needed, defaults) => {
    const config = JSON.parse(JSON.stringify(make(given as never).getConfig()));
    expect(config).toMatchObject(given);
    const [type, from] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
    const again = from(type as never, structuredClone(config)) as layers.Layer;
    expect(again.getClassName()).toBe(className);
    expect(JSON.parse(JSON.stringify(again.getConfig()))).toEqual(config);
    expect(make(needed as never).getConfig()).toMatchObject(defaults);
  },
);

const symbolic = (...shapes: (number | null)[][]) =>
  shapes.map((shape) => tf.input({ batchShape: shape }));

test.each([
  [[null, 7, null, 4], 'same', [null, 4, null, 5]],
  [[null, 7, null, 4], 'valid', [null, 3, null, 5]],
  [[2, 8, 9, 4], 'same', [2, 4, 9, 5]],
  [[0, 8, 9, 4], 'valid', [0, 3, 8, 5]],
] as const)('convolution of %j, %s padding: %j, symbolic and real', (shape, padding, want) => {
  const layer = analyticNormConv2d({ ...CONV, padding } as never);
  const outputs = layer.apply(symbolic([...shape], [4], [4])) as SymbolicTensor[];
  expect(outputs.map((one) => one.shape)).toEqual([want, [5], [5]]);
  tf.tidy(() => {
    const real = shape.map((extent) => extent ?? 9);
    const y = layer.apply([tf.ones(real), tf.zeros([4]), tf.ones([4])]) as Tensor[];
    expect(y.map((one) => one.shape)).toEqual([
      want.map((e, i) => e ?? [9, 0, 8 + Number(padding === 'same')][i]),
      [5],
      [5],
    ]);
  });
  layer.dispose();
});

test('a mean of several inputs has a part of their variance', () => {
  tf.tidy(() => {
    const x = tensor(normal([6, 4], 1));
    const [mean, variance] = [tf.tensor1d([0.5, 1, 0, -1]), tf.tensor1d([1, 2, 3, 4])];
    const kernelInitializer = norm.initializers.heNormal({ seed: 1 });
    const [of1, of4] = [1, 4].map((inputCount) => {
      const layer = analyticNormDense({ units: 3, kernelInitializer, inputCount });
      return (layer.apply([x, mean, variance]) as Tensor[])[0]!;
    });
    expectClose('y', of4!, tf.mul(of1!, 2).dataSync() as Float32Array, { absolute: 2e-6 });
  });
});

test('moments: of bias and scale, rectified where ReLU follows; finite with a scale of 0', () => {
  tf.tidy(() => {
    const [x, mean, variance] = [tf.ones([1, 2]), tf.zeros([2]), tf.ones([2])];
    const weights = [tf.ones([2, 3]), tf.tensor1d([-2, 1, 0]), tf.tensor1d([0.5, -1, 3])];
    const moments = (activation: 'linear' | 'relu') => {
      const layer = analyticNormDense({ units: 3, activation });
      layer.apply([x, mean, variance]);
      layer.setWeights(weights);
      return layer.apply([x, mean, variance]) as Tensor[];
    };
    const [, linearMean, linearVariance] = moments('linear');
    expectClose('mean', linearMean!, [0.5, -1, 3], { absolute: 0 });
    expectClose('variance', linearVariance!, [4, 1, 0], { absolute: 0 });
    const [y, reluMean, reluVariance] = moments('relu');
    const want = norm.ops.gaussianReluMoments([0.5, -1, 3], [2, 1, 1e-4]);
    expectClose('mean', reluMean!, want.mean.dataSync() as Float32Array);
    expectClose('variance', reluVariance!, want.variance.dataSync() as Float32Array);
    expect(y!.min().dataSync()[0]).toBeGreaterThanOrEqual(0);
  });
});

test.each<[RegExp, () => unknown]>([
  [/AnalyticNormDense: units must/, () => analyticNormDense({} as never)],
  [/AnalyticNormConv2D: filters must/, () => analyticNormConv2d({ kernelSize: 1 } as never)],
  [/kernelSize must be a positive/, () => analyticNormConv2d({ filters: 1, kernelSize: 0 })],
  [
    /strides must be a positive/,
    () => analyticNormConv2d({ filters: 1, kernelSize: 1, strides: 1.5 }),
  ],
  [/activation must be/, () => analyticNormDense({ units: 1, activation: 'selu' as never })],
  [/inputCount must be/, () => analyticNormDense({ units: 1, inputCount: 0 })],
  [/useBias is not an argument/, () => analyticNormDense({ units: 1, useBias: true } as never)],
  [/mean must be finite numbers/, () => inputMoments({ mean: 'one' as never })],
  [/variance must be finite numbers of 0/, () => inputMoments({ variance: -1 })],
  [
    /mean must be a number or 3/,
    () => inputMoments({ mean: [1, 2] }).apply(tf.input({ shape: [3] })),
  ],
  [/axis 2 undefined/, () => inputMoments().apply(tf.input({ shape: [3, null] }))],
  [
    /inputs must be a tensor, its means/,
    () => analyticNormDense({ units: 1 }).apply(tf.input({ shape: [3] })),
  ],
  [
    /inputs must be a tensor, its means/,
    () => analyticNormDense({ units: 1 }).apply(symbolic([1, 3], [3], [2])),
  ],
  [
    /inputs must have x of rank 2/,
    () => analyticNormDense({ units: 1 }).apply(symbolic([1, 3, 3], [3], [3])),
  ],
  [
    /means of channels that divide 3/,
    () => analyticNormDense({ units: 1 }).apply(symbolic([1, 3], [2], [2])),
  ],
  [
    /inputs must have x of rank 4/,
    () => analyticNormConv2d({ filters: 1, kernelSize: 1 }).apply(symbolic([1, 3], [3], [3])),
  ],
  [
    /means of the 3 channels/,
    () => analyticNormConv2d({ filters: 1, kernelSize: 1 }).apply(symbolic([1, 3, 3, 3], [1], [1])),
  ],
])('refuses: %s', (message, call) => {
  expect(() => void call()).toThrow(message);
});

test('layers that are in no model are disposed with their weights', () => {
  const before = tf.memory().numTensors;
  const layer = analyticNormDense({ units: 3 });
  layer.build([[1, 4], [4], [4]]);
  expect(tf.memory().numTensors).toBe(before + 3);
  disposeLayer(layer);
  expect(tf.memory().numTensors).toBe(before);
});
