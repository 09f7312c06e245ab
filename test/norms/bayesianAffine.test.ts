/** Affine maps with scale and offset of learned distributions: the op. */
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { normalPairs } from '../../src/core/batchNoise';
import { digitsOf, streamOf } from '../../src/core/philox';
import { normal } from '../support/arrays';
import { expectSameBits } from '../support/expectClose';
import {
  checkAffine,
  float,
  LAYOUTS,
  learnedReference,
  pairShape,
  placesOf,
} from '../support/stochasticReference';
import { tensor, withGradients } from '../support/tensors';

const { bayesianAffine } = norm.ops;
const [SEED, STREAM] = [0x1234567890abc, 5];
const stream = streamOf(digitsOf(SEED, STREAM));

describe('bayesianAffine', () => {
  const parametersOf = (channels: number) => [
    normal([channels], 3, { deviation: 0.3 }),
    float(normal([channels], 4, { mean: -1, deviation: 0.3 })),
    normal([channels], 5),
    float(normal([channels], 6, { mean: -2, deviation: 0.3 })),
  ];

  test.each(LAYOUTS)('given noise, $shape, axis $axis, per $granularity', (layout) => {
    tf.tidy(() => {
      const { shape, axis, granularity } = layout;
      const places = placesOf(layout);
      const [x, dy] = [normal(shape, 1, { mean: 1 }), normal(shape, 2)];
      const noise = [normal(pairShape(layout), 7), normal(pairShape(layout), 8)];
      const inputs = [x, ...parametersOf(places.channels)];
      const all = [...inputs, ...noise].map(({ data }) => data);
      const reference = learnedReference(places, all, dy.data);
      const [scaleNoise, biasNoise] = noise.map(tensor);
      const op = (...[t, logScale, rhoScale, bias, rhoBias]: Tensor[]) =>
        bayesianAffine(t!, {
          logScale: logScale!,
          rhoScale: rhoScale!,
          bias: bias!,
          rhoBias: rhoBias!,
          scaleNoise,
          biasNoise,
          axis,
          granularity,
        });
      // tf.grads counts the arguments.
      const five = (a?: Tensor, b?: Tensor, c?: Tensor, d?: Tensor, e?: Tensor) =>
        op(a!, b!, c!, d!, e!);
      checkAffine(five as never, inputs, reference, shape, dy);
    });
  });

  test.each(LAYOUTS)('drawn noise, $shape, axis $axis, per $granularity', (layout) => {
    tf.tidy(() => {
      const { shape, axis, granularity } = layout;
      const places = placesOf(layout);
      const { first, second } = normalPairs(stream, places.pairs);
      const inputs = [normal(shape, 1), ...parametersOf(places.channels)].map(tensor);
      const dy = tensor(normal(shape, 2));
      const run = (noise: object) =>
        withGradients(
          ((t: Tensor, logScale: Tensor, rhoScale: Tensor, bias: Tensor, rhoBias: Tensor) =>
            bayesianAffine(t, {
              logScale,
              rhoScale,
              bias,
              rhoBias,
              axis,
              granularity,
              ...noise,
            })) as never,
          inputs,
          dy,
        );
      const drawn = run({ seed: SEED, stream: STREAM });
      const [scaleNoise, biasNoise] = [first, second].map((data) =>
        tf.tensor(data, pairShape(layout)),
      );
      const given = run({ scaleNoise, biasNoise });
      expectSameBits('y', drawn.y, given.y);
      drawn.grads.forEach((grad, i) => {
        expectSameBits(`gradient ${i}`, grad, given.grads[i]!);
      });
    });
  });
});
