import { tf } from '../../../../src';
import { runOp } from '../../../../src/core/kernels';
import { digitsOf, randomWords, streamOf, writeBlock } from '../../../../src/core/philox';
import type { WeightAdapters, WeightCase } from '../../../support/goldenWeights';

const digits = ({ attrs }: WeightCase) => digitsOf(BigInt(attrs.seed), BigInt(attrs.stream));

export const ops: WeightAdapters = {
  Philox4x32_10: (_, { attrs: { counter, key }, raw }) => {
    const words = new Uint32Array(4);
    writeBlock([key[0], key[1], counter[2], counter[3]], [counter[0], counter[1]], words, 0);
    expect([...words]).toEqual(raw.words);
    return {};
  },
  KeepMask: (_, c) => {
    const { attrs, raw } = c;
    const words = randomWords(streamOf(digits(c)), raw.words.length);
    expect([...words]).toEqual(raw.words);
    expect(Math.ceil(attrs.rate * 2 ** 24)).toBe(attrs.threshold);

    const [y] = runOp(
      'TfjsAlphaDropout',
      { x: tf.ones([raw.keep.length]), seed: tf.tensor1d(digits(c)) },
      { slope: 1, offset: 0, dropped: 0, threshold: attrs.threshold, shared_axes: 0 },
    );
    expect([...y!.dataSync()]).toEqual(raw.keep);
    return {};
  },
  // From the words, as whoever needs normal numbers will make them.
  BoxMuller: (_, c) => {
    const words = randomWords(streamOf(digits(c)), c.outputs.z!.data.length);
    const z = Array.from(words, (_word, i) => {
      const [first, second] = [words[i - (i % 2)]!, words[i - (i % 2) + 1]!];
      const radius = Math.sqrt(-2 * Math.log(((first >>> 8) + 1) * 2 ** -24));
      const angle = 2 * Math.PI * (second >>> 8) * 2 ** -24;
      return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    });
    return { z: tf.tensor1d(z) };
  },
};
