import type { Tensor } from '@tensorflow/tfjs';
import { norm } from '../../../src';
import { type Adapter, expectState } from '../../support/golden';
import { tensor } from '../../support/tensors';

export const adapter: Adapter = ({ attrs, inputs: given, outputs }, axis) => {
  const training = attrs.training as boolean;
  const useBatch = attrs.useBatch as boolean;
  const state = useBatch
    ? { movingMean: tensor(given.runningMean!), movingVariance: tensor(given.runningVar!) }
    : {};
  const run = ([x, gamma, beta, meanLogits, varianceLogits]: Tensor[]) =>
    norm.ops.switchableNorm(x!, {
      ...state,
      gamma,
      beta,
      meanLogits: meanLogits!,
      varianceLogits: varianceLogits!,
      axis,
      epsilon: attrs.epsilon as number,
      momentum: attrs.decay as number,
      training,
      useBatch,
      unbiasedSpatialVariance: attrs.unbiasedSpatialVar as boolean,
    });
  const inputs = ['x', 'gamma', 'beta', 'meanLogits', 'varLogits'];
  return {
    inputs,
    op: (...tensors) => run(tensors).y,
    also: (tensors) => {
      if (!training || !useBatch) return;
      const { movingMean, movingVariance } = run(inputs.map((name) => tensors[name]!));
      expectState(outputs, { newRunningMean: movingMean, newRunningVar: movingVariance });
    },
  };
};
