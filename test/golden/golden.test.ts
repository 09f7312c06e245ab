import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { type Array64, channelsFirst } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import { type GoldenCase, goldenTolerance, readGolden } from '../support/golden';
import { tensor, withGradients } from '../support/tensors';

interface Run {
  op: (...inputs: Tensor[]) => Tensor;
  /** Names of the op's inputs in the golden file, x first. */
  inputs: string[];
  /** Compares what else the op gives. */
  also?: (inputs: Record<string, Tensor>) => void;
}

type Normalizer = (c: GoldenCase, axis: number | number[]) => Run;

const number = (value: unknown) => value as number;
const RUNNING = { scaled: 1e-6, relative: 2e-5 };

const batch: Normalizer = (c, channelAxis) => {
  const axis = channelAxis as number;
  const { epsilon, decay, unbiasedRunningVar, virtualBatchSize, training } = c.attrs;
  if (!training) {
    const mean = tensor(c.inputs.runningMean!);
    const variance = tensor(c.inputs.runningVar!);
    return {
      inputs: ['x', 'gamma', 'beta'],
      op: (x, gamma, beta) =>
        norm.ops.batchNormInference(x!, {
          mean,
          variance,
          gamma,
          beta,
          axis,
          epsilon: number(epsilon),
        }),
    };
  }
  const train = (x: Tensor, gamma: Tensor, beta: Tensor) =>
    norm.ops.batchNorm(x, {
      gamma,
      beta,
      movingMean: tensor(c.inputs.runningMean!),
      movingVariance: tensor(c.inputs.runningVar!),
      axis,
      epsilon: number(epsilon),
      momentum: number(decay),
      unbiased: unbiasedRunningVar as boolean,
      virtualBatchSize: virtualBatchSize as number | undefined,
    });
  return {
    inputs: ['x', 'gamma', 'beta'],
    op: (x, gamma, beta) => train(x!, gamma!, beta!).y,
    also: ({ x, gamma, beta }) => {
      const { movingMean, movingVariance } = train(x!, gamma!, beta!);
      expectClose('movingMean', movingMean, c.outputs.newRunningMean!.data, RUNNING);
      expectClose('movingVariance', movingVariance, c.outputs.newRunningVar!.data, RUNNING);
      // With momentum 0 the running statistics are the batch's own.
      if (!c.outputs.batchMean) return;
      const own = norm.ops.batchNorm(x!, {
        movingMean: tensor(c.inputs.runningMean!),
        movingVariance: tensor(c.inputs.runningVar!),
        axis,
        epsilon: number(epsilon),
        momentum: 0,
      });
      expectClose('batch mean', own.movingMean, c.outputs.batchMean.data, RUNNING);
      expectClose('batch variance', own.movingVariance, c.outputs.batchVar!.data, RUNNING);
    },
  };
};

const group: Normalizer = (c, axis) => ({
  inputs: ['x', 'gamma', 'beta'],
  op: (x, gamma, beta) =>
    norm.ops.groupNorm(x!, {
      gamma,
      beta,
      axis: axis as number,
      groups: number(c.attrs.groups),
      epsilon: number(c.attrs.epsilon),
    }),
});

const instance: Normalizer = (c, axis) => ({
  inputs: ['x', 'gamma', 'beta'],
  op: (x, gamma, beta) =>
    norm.ops.instanceNorm(x!, {
      gamma,
      beta,
      axis: axis as number,
      epsilon: number(c.attrs.epsilon),
    }),
});

const layer: Normalizer = (c, axis) => ({
  inputs: ['x', 'gamma', 'beta'],
  op: (x, gamma, beta) =>
    norm.ops.layerNorm(x!, {
      gamma,
      beta,
      axis: c.attrs.normalizedRank === 3 ? [1, 2, 3] : axis,
      epsilon: number(c.attrs.epsilon),
    }),
});

const rms: Normalizer = (c, axis) => ({
  inputs: ['x', 'gamma'],
  op: (x, gamma) =>
    norm.ops.rmsNorm(x!, {
      gamma,
      axis,
      epsilon: number(c.attrs.epsilon),
      epsilonInside: c.attrs.epsilonInsideSqrt as boolean,
      partial: (c.attrs.partial as number | null) ?? undefined,
    }),
});

const switchable: Normalizer = (c, axis) => {
  const { training, useBatch, unbiasedSpatialVar, epsilon, decay } = c.attrs;
  const state = useBatch
    ? {
        movingMean: tensor(c.inputs.runningMean!),
        movingVariance: tensor(c.inputs.runningVar!),
      }
    : {};
  const run = ([x, gamma, beta, meanLogits, varianceLogits]: Tensor[]) =>
    norm.ops.switchableNorm(x!, {
      ...state,
      gamma,
      beta,
      meanLogits: meanLogits!,
      varianceLogits: varianceLogits!,
      axis: axis as number,
      epsilon: number(epsilon),
      momentum: number(decay),
      training: training as boolean,
      useBatch: useBatch as boolean,
      unbiasedSpatialVariance: unbiasedSpatialVar as boolean,
    });
  const inputs = ['x', 'gamma', 'beta', 'meanLogits', 'varLogits'];
  return {
    inputs,
    op: (...tensors) => run(tensors).y,
    also: (tensors) => {
      if (!training || !useBatch) return;
      const { movingMean, movingVariance } = run(inputs.map((name) => tensors[name]!));
      expectClose('movingMean', movingMean, c.outputs.newRunningMean!.data, RUNNING);
      expectClose('movingVariance', movingVariance, c.outputs.newRunningVar!.data, RUNNING);
    },
  };
};

const files: [string, Normalizer][] = [
  ['batch_norm.json', batch],
  ['group_norm.json', group],
  ['instance_norm.json', instance],
  ['layer_norm.json', layer],
  ['rms_norm.json', rms],
  ['switchable_norm.json', switchable],
];

/** The case with its activations, and parameters that have their shape, transposed to channels first. */
function toChannelsFirst(c: GoldenCase): GoldenCase {
  const move = (all: Record<string, Array64>) =>
    Object.fromEntries(
      Object.entries(all).map(([name, a]) => {
        if (a.shape.length === 4) return [name, channelsFirst(a)];
        if (a.shape.length < 3) return [name, a];
        const { shape, data } = channelsFirst({ shape: [1, ...a.shape], data: a.data });
        return [name, { shape: shape.slice(1), data }];
      }),
    );
  return {
    ...c,
    inputs: move(c.inputs),
    outputs: move(c.outputs),
    grads: move(c.grads),
    gradOutput: channelsFirst(c.gradOutput),
  };
}

function check(c: GoldenCase, axis: number, normalizer: Normalizer): void {
  tf.tidy(() => {
    const { op, inputs, also } = normalizer(c, axis);
    const tensors = inputs.map((name) => tensor(c.inputs[name]!));
    const { y, grads } = withGradients(op, tensors, tensor(c.gradOutput));
    const want = c.outputs.y!;
    expect(y.shape).toEqual(want.shape);
    expectClose('y', y, want.data, goldenTolerance(c, 'y', want));
    inputs.forEach((name, i) => {
      const wanted = c.grads[name]!;
      expect(grads[i]!.shape).toEqual(wanted.shape);
      const kind = name === 'x' ? 'dx' : 'params';
      expectClose(`d${name}`, grads[i]!, wanted.data, goldenTolerance(c, kind, wanted));
    });
    also?.(Object.fromEntries(inputs.map((name, i) => [name, tensors[i]!])));
  });
}

describe.each(files)('%s', (file, normalizer) => {
  // Cases of an average over batches are those of the calibrator (test/norms).
  const cases = readGolden(file).filter((c) => c.gradOutput);
  test.each(cases.map((c) => [c.name, c] as const))('%s, channels last', (_, c) => {
    check(c, c.inputs.x!.shape.length - 1, normalizer);
  });
  const images = cases.filter((c) => c.inputs.x!.shape.length === 4);
  test.each(images.map((c) => [c.name, c] as const))('%s, channels first', (_, c) => {
    check(toChannelsFirst(c), 1, normalizer);
  });
});
