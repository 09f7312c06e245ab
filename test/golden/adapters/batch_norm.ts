import type { Tensor } from '@tensorflow/tfjs';
import { norm } from '../../../src';
import { type Adapter, expectState } from '../../support/golden';
import { tensor } from '../../support/tensors';

export const adapter: Adapter = ({ attrs, inputs, outputs }, axis) => {
  const epsilon = attrs.epsilon as number;
  const mean = tensor(inputs.runningMean!);
  const variance = tensor(inputs.runningVar!);
  const moving = { movingMean: mean, movingVariance: variance };
  const names = ['x', 'gamma', 'beta'];
  if (!attrs.training) {
    return {
      inputs: names,
      op: (x, gamma, beta) =>
        norm.ops.batchNormInference(x!, { mean, variance, gamma, beta, axis, epsilon }),
    };
  }
  const train = (x: Tensor, gamma: Tensor, beta: Tensor) =>
    norm.ops.batchNorm(x, {
      ...moving,
      gamma,
      beta,
      axis,
      epsilon,
      momentum: attrs.decay as number,
      unbiased: attrs.unbiasedRunningVar as boolean,
      virtualBatchSize: attrs.virtualBatchSize as number | undefined,
    });
  return {
    inputs: names,
    op: (x, gamma, beta) => train(x!, gamma!, beta!).y,
    also: ({ x, gamma, beta }) => {
      const { movingMean, movingVariance } = train(x!, gamma!, beta!);
      expectState(outputs, { newRunningMean: movingMean, newRunningVar: movingVariance });
      // With momentum 0 the running statistics are the batch's own.
      if (!outputs.batchMean) return;
      const own = norm.ops.batchNorm(x!, { ...moving, axis, epsilon, momentum: 0 });
      expectState(outputs, { batchMean: own.movingMean, batchVar: own.movingVariance });
    },
  };
};
