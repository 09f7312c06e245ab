import type { Tensor } from '@tensorflow/tfjs';
import { norm } from '../../../src';
import { type Adapter, expectState } from '../../support/golden';
import { tensor } from '../../support/tensors';

type Options = Parameters<typeof norm.ops.attentiveNorm>[1];

/** The op's names of what the golden file calls otherwise. */
const NAMES: Record<string, keyof Options> = {
  gamma: 'gamma',
  beta: 'beta',
  attnWeight: 'attentionKernel',
  attnBias: 'attentionBias',
  attnGamma: 'attentionGamma',
  attnBeta: 'attentionBeta',
  runningMean: 'movingMean',
  runningVar: 'movingVariance',
  attnRunningMean: 'attentionMovingMean',
  attnRunningVar: 'attentionMovingVariance',
};

export const adapter: Adapter = ({ attrs, inputs: given, outputs, grads }, axis) => {
  const inputs = Object.keys(grads);
  const named = (of: Record<string, Tensor>) =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [NAMES[name], value]));
  const constants = Object.keys(given).filter((name) => !inputs.includes(name));
  const state = named(Object.fromEntries(constants.map((name) => [name, tensor(given[name]!)])));
  const run = ({ x, ...parameters }: Record<string, Tensor>) =>
    norm.ops.attentiveNorm(x!, {
      ...state,
      ...named(parameters),
      axis,
      epsilon: attrs.epsilon as number,
      momentum: attrs.decay as number,
      training: attrs.training as boolean,
      backbone: attrs.backbone as never,
      groups: (attrs.groups as number) || undefined,
      squeeze: (attrs.squeeze as unknown) === 'mean' ? 'mean' : 'rsd',
      squeezeEpsilon: attrs.squeezeEpsilon as number,
      unbiasedSqueezeVariance: attrs.unbiasedSqueezeVar as boolean,
      attentionNorm: attrs.attnNorm as never,
      attentionActivation: attrs.attnActivation as never,
    } as Options);
  return {
    inputs,
    op: (...tensors) => run(Object.fromEntries(inputs.map((name, i) => [name, tensors[i]!]))).y,
    also: (tensors) => {
      const result = run(tensors);
      const got: Record<string, Tensor> = {
        lambda: result.attention,
        newRunningMean: result.movingMean,
        newRunningVar: result.movingVariance,
        newAttnRunningMean: result.attentionMovingMean,
        newAttnRunningVar: result.attentionMovingVariance,
      };
      const wanted = Object.entries(got).filter(([name]) => name in outputs);
      expectState(outputs, Object.fromEntries(wanted));
    },
  };
};
