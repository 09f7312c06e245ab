import { norm, tf } from '../../../../src';
import { orthonormalOf } from '../../../../src/initializers/orthogonal';
import { sizeOf } from '../../../support/arrays';
import type { WeightAdapters } from '../../../support/goldenWeights';

const VARIANTS = ['forward', 'backward', 'geometricMean'] as const;

export const ops: WeightAdapters = {
  WeightNormInitGain: (_, { attrs: { shape, role, blocksInStage } }) => {
    const [fanIn, fanOut] = shape.slice(-2);
    const gain = (variant: (typeof VARIANTS)[number]) => {
      const blocks = blocksInStage || undefined;
      const args = { role, variant, blocksInStage: blocks, fanIn, fanOut };
      return norm.initializers.weightNormGain(args).apply([]);
    };
    return Object.fromEntries(VARIANTS.map((variant) => [variant, gain(variant)]));
  },
  // The initializer's own steps, on the file's normally distributed matrix.
  OrthogonalWeightNormInit: (_, { attrs: { gaussian, activation, variant } }) => {
    const { shape, data } = gaussian as { shape: number[]; data: number[] };
    const [inputs, outputs] = shape.slice(-2) as [number, number];
    const rows = sizeOf(shape.slice(0, -1));
    const v = tf.tensor(orthonormalOf(data, rows, outputs), shape);
    const gain = norm.initializers.weightNormGain({
      role: activation,
      variant,
      fanIn: inputs,
      fanOut: outputs,
    });
    const g = gain.apply([outputs]);
    return { v, g, kernel: norm.ops.weightNorm(v, { g }) };
  },
  QuadraticWarmup: (_, { attrs }) => {
    const { initialLearningRate, learningRate, warmupSteps } = attrs;
    const rates = Array.from({ length: warmupSteps }, (_unused, step) =>
      norm.schedules.quadraticWarmup(step, { initialLearningRate, learningRate, warmupSteps }),
    );
    return { learningRate: tf.tensor1d(rates) };
  },
};
