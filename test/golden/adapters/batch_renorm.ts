import type { Tensor } from '@tensorflow/tfjs';
import { norm } from '../../../src';
import { type Adapter, expectState } from '../../support/golden';
import { tensor } from '../../support/tensors';

/** One pair of running statistics, as in the paper, goes through both of the op's. */
export const adapter: Adapter = ({ attrs, inputs, outputs }, axis) => {
  const [rmax, dmax] = [attrs.rMax as number, attrs.dMax as number];
  const momentum = attrs.decay as number;
  const state = {
    renormMean: tensor(inputs.runningMean!),
    renormStddev: tensor(inputs.runningStd!),
  };
  const run = (x: Tensor, gamma: Tensor, beta: Tensor) =>
    norm.ops.batchRenorm(x, {
      ...state,
      gamma,
      beta,
      axis,
      epsilon: attrs.epsilon as number,
      momentum,
      renormMomentum: momentum,
      renormClipping: { rmax, rmin: 1 / rmax, dmax },
    });
  return {
    inputs: ['x', 'gamma', 'beta'],
    op: (x, gamma, beta) => run(x!, gamma!, beta!).y,
    also: ({ x, gamma, beta }) => {
      const result = run(x!, gamma!, beta!);
      const [r, d] = result.corrections.unstack();
      for (const [mean, stddev] of [
        [result.renormMean, result.renormStddev],
        [result.movingMean, result.movingStddev],
      ]) {
        expectState(outputs, { newRunningMean: mean!, newRunningStd: stddev!, r: r!, d: d! });
      }
    },
  };
};
