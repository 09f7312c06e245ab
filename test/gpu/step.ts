/** One training step of a small model: how long it takes, how many TensorFlow ops and copies it makes. */
import type { layers, Scalar, Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { driverCounters } from './driver';

const WARM = 5;
const TIMED = 20;

export interface Step {
  run(): number;
  dispose(): void;
}

const relu = () => tf.layers.activation({ activation: 'relu' });

/** Convolutions with group norm, as in the MNIST demo. */
function full(): layers.Layer[] {
  const conv = (filters: number, strides: number) =>
    tf.layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', useBias: false });
  return [
    ...[16, 32, 64].flatMap((filters, i) => [
      conv(filters, i === 0 ? 1 : 2),
      norm.layers.groupNormalization({ groups: 8 }),
      relu(),
    ]),
    tf.layers.globalAveragePooling2d({}),
    tf.layers.dense({ units: 10, activation: 'softmax' }),
  ];
}

const norms = (): layers.Layer[] =>
  [0, 1, 2].flatMap(() => [
    norm.layers.groupNormalization({ groups: 4 }),
    norm.layers.layerNormalization({}),
    relu(),
  ]);

/** `plain`: of normalization layers alone, since cuDNN and cuBLAS do the rest. */
export function makeStep(plain: boolean): Step {
  const inputShape = plain ? [6, 6, 8] : [28, 28, 1];
  const model = tf.sequential({
    layers: [tf.layers.inputLayer({ inputShape }), ...(plain ? norms() : full())],
  });
  const batch = plain ? 4 : 64;
  const x = tf.randomUniform([batch, ...inputShape], 0, 1, 'float32', 1);
  const labels: Tensor = plain
    ? tf.zeros([batch, ...inputShape])
    : tf.oneHot(tf.range(0, batch, 1, 'int32').mod(tf.scalar(10, 'int32')), 10);
  const optimizer = tf.train.sgd(0.01);
  const loss = (y: Tensor): Scalar =>
    plain ? tf.losses.meanSquaredError(labels, y) : tf.losses.softmaxCrossEntropy(labels, y);
  return {
    run() {
      const value = optimizer.minimize(
        () => loss(model.apply(x, { training: true }) as Tensor),
        true,
      )!;
      const [read] = value.dataSync();
      value.dispose();
      return read!;
    },
    dispose() {
      tf.dispose([x, labels]);
      model.dispose();
      optimizer.dispose();
    },
  };
}

/** Counts what tfjs-node asks of TensorFlow while `call` runs. */
function countOps(call: () => void): number {
  const backend = tf.backend() as unknown as Record<string, (...of: unknown[]) => unknown>;
  const names = ['executeSingleOutput', 'executeMultipleOutputs'] as const;
  let ops = 0;
  for (const name of names) {
    const original = backend[name]!;
    backend[name] = (...of: unknown[]) => {
      ops++;
      return original.apply(backend, of);
    };
  }
  try {
    call();
  } finally {
    // The methods of the class again.
    for (const name of names) delete backend[name];
  }
  return ops;
}

export function timeStep(step: Step) {
  for (let i = 0; i < WARM; i++) step.run();
  const times = Array.from({ length: TIMED }, () => {
    const started = performance.now();
    step.run();
    return performance.now() - started;
  }).sort((a, b) => a - b);
  norm.resetCounters();
  const driver = driverCounters();
  driver?.reset();
  const ops = countOps(() => step.run());
  const { opCalls } = norm.counters();
  const copies = driver?.copies();
  return {
    milliseconds: times[TIMED / 2]!,
    tensorflowOps: ops,
    nativeOps: opCalls,
    // NVIDIA's driver does not tell a process what it copied; `nsys` does.
    copies: copies ?? null,
  };
}
