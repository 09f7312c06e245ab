import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../../src';
import { type Adapter, expectState } from '../../support/golden';
import { tensor } from '../../support/tensors';

export const adapter: Adapter = ({ attrs, inputs: given, outputs }, axis) => {
  const training = attrs.training as boolean;
  // The one backward pass of the check moves them.
  const control = {
    u: tf.variable(tensor(given.u!), false),
    v: tf.variable(tensor(given.v!), false),
  };
  const run = ([x, gamma, beta]: Tensor[]) =>
    norm.ops.onlineNorm(x!, {
      gamma,
      beta,
      movingMean: tensor(given.mu!),
      movingVariance: tensor(given.var!),
      axis,
      training,
      epsilon: attrs.epsilon as number,
      alphaForward: attrs.alphaFwd as number,
      alphaBackward: attrs.alphaBwd as number,
      errorCompensation: attrs.ecm as never,
      clampValue: attrs.clampValue as number,
      layerScalingEpsilon: attrs.lsEpsilon as number,
      control,
    });
  const inputs = ['x', 'gamma', 'beta'];
  return {
    inputs,
    op: (...tensors) => run(tensors).y,
    also: (tensors) => {
      const { movingMean, movingVariance } = run(inputs.map((name) => tensors[name]!));
      const states = {
        newMu: movingMean,
        newVar: movingVariance,
        newU: control.u,
        newV: control.v,
      };
      if (training) expectState(outputs, states);
      tf.dispose(control);
    },
  };
};
