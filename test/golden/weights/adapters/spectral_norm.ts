import { norm } from '../../../../src';
import type { WeightAdapters } from '../../../support/goldenWeights';

export const ops: WeightAdapters = {
  SpectralNorm: ({ kernel, u, v }, { attrs: { iterations } }) => {
    const guesses = iterations > 0 ? { u: u! } : { u: u!, v: v! };
    const {
      y,
      u: newU,
      v: newV,
      sigma,
    } = norm.ops.spectralNorm(kernel!, { ...guesses, iterations });
    return { y, newU, newV, sigma };
  },
};
