import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { norm, tf } from '../../../../src';
import type { Tensors, WeightAdapters } from '../../../support/goldenWeights';

const { biasReluBias, scalarBias, scaleBiasResidual } = norm.ops;

const conv = (x: Tensor, kernel: Tensor, stride = 1): Tensor =>
  tf.conv2d(x as Tensor4D, kernel as Tensor4D, stride, 'same');

/** The blocks as the ops are meant to be put together; stride is that of the convolution with this number. */
function block(inputs: Tensors, convolutions: number, strided: number, stride: number): Tensor {
  const { x, bias1a, kernelProj, scale } = inputs as Record<string, Tensor>;
  const strideOf = (i: number) => (i === strided ? stride : 1);
  const start = scalarBias(x!, bias1a!);
  let h = conv(start, inputs.kernel1!, strideOf(1));
  for (let i = 2; i <= convolutions; i++) {
    const [before, after] = [inputs[`bias${i - 1}b`]!, inputs[`bias${i}a`]!];
    h = conv(biasReluBias(h, before, after), inputs[`kernel${i}`]!, strideOf(i));
  }
  const residual = kernelProj ? conv(start, kernelProj, stride) : x!;
  const bias = inputs[`bias${convolutions}b`] ?? null;
  return scaleBiasResidual(h, { scale, ...(bias && { bias }), residual, activation: 'relu' });
}

export const ops: WeightAdapters = {
  FixupBias: ({ x, bias }) => ({ y: scalarBias(x!, bias!) }),
  FixupBiasReluBias: ({ x, bias1, bias2 }) => ({ y: biasReluBias(x!, bias1!, bias2!) }),
  FixupScaleBiasResidual: ({ x, ...rest }, { attrs }) => ({
    y: scaleBiasResidual(x!, { ...rest, activation: attrs.activation }),
  }),
  FixupBasicBlock: (inputs, { attrs }) => ({ y: block(inputs, 2, 1, attrs.stride) }),
  FixupBottleneckBlock: (inputs, { attrs }) => ({ y: block(inputs, 3, 2, attrs.stride) }),
  FixupInitStd: (_, { attrs: { shape, ...args } }) => {
    const of = (mode: 'fanOut' | 'fanIn') =>
      norm.initializers.fixup({ ...args, mode } as never).deviation(shape);
    return { stddevFanOut: tf.scalar(of('fanOut')), stddevFanIn: tf.scalar(of('fanIn')) };
  },
};
