import { tf } from '../../../src';
import { hasSeparateSamples, type Normalizer, title } from '../describeNormalizer';
import { expectClose } from '../expectClose';
import { prepare, tensorsOf } from '../prepared';

const FORMULA = {
  'shift and scale': 'y(3 x + 5) = y(x)',
  scale: 'y(3 x) = y(x)',
  proportional: 'y(3 x) - y(0) = 3 (y(x) - y(0))',
};

/** What the maths says of transformed inputs. */
export function describeInvariance(normalizer: Normalizer): void {
  const { invariance, ordered = false } = normalizer;
  const cases = normalizer.cases.filter(
    (c) => !c.options?.virtualBatchSize && !c.shape.includes(0),
  );
  // Large enough against epsilon, which is what breaks the invariance.
  const wide = { mean: 4, deviation: 40 };

  const permuted = ordered ? [] : cases.filter(hasSeparateSamples);
  if (invariance === 'none' && permuted.length === 0) return;
  describe('invariance', () => {
    if (invariance !== 'none')
      test.each(cases.map((c) => [title(c), c] as const))(`${FORMULA[invariance]} %s`, (_, c) => {
        const p = prepare(normalizer, { ...c, ...wide });
        const options = { ...p.options, epsilon: 1e-6 };
        tf.tidy(() => {
          const { x, gamma, beta } = tensorsOf(p);
          const y = normalizer.op(x, { gamma, beta }, options);
          const shift = invariance === 'shift and scale' ? 5 : 0;
          const moved = normalizer.op(x.mul(3).add(shift), { gamma, beta }, options);
          const origin = normalizer.op(tf.zerosLike(x), { gamma, beta }, options);
          const want = invariance === 'proportional' ? y.sub(origin).mul(3).add(origin) : y;
          expectClose('y of the transformed input', moved, want, { scaled: 1e-4 });
        });
      });

    for (const c of permuted) {
      test(`permuted samples give permuted results ${title(c)}`, () => {
        const p = prepare(normalizer, c);
        tf.tidy(() => {
          const { x, gamma, beta } = tensorsOf(p);
          const y = normalizer.op(x, { gamma, beta }, p.options);
          const reversed = normalizer.op(x.reverse(0), { gamma, beta }, p.options);
          expectClose('y', reversed.reverse(0), y);
        });
      });
    }
  });
}
