import { tf } from '../../../src';
import { hasSeparateSamples, type Normalizer, title } from '../describeNormalizer';
import { expectClose, expectSameBits } from '../expectClose';
import { firstSamples, prepare, run, tensorsOf } from '../prepared';
import { tensor } from '../tensors';

/** Equal calls give equal bits; a sample's result does not depend on the others where it must not. */
export function describeDeterminism(normalizer: Normalizer): void {
  describe('determinism', () => {
    test.each(normalizer.cases.map((c) => [title(c), c] as const))('%s', (_, c) => {
      const p = prepare(normalizer, c);
      tf.tidy(() => {
        const first = run(normalizer, p, tensorsOf(p));
        const second = run(normalizer, p, tensorsOf(p));
        expectSameBits('y', first.y, second.y);
        for (const [name, grad] of Object.entries(first.grads)) {
          expectSameBits(`d${name}`, grad, second.grads[name]!);
        }
      });
    });

    if (!normalizer.independentSamples) return;
    const several = normalizer.cases.filter(hasSeparateSamples);
    test.each(several.map((c) => [title(c), c] as const))('batch of 1 out of %s', (_, c) => {
      const p = prepare(normalizer, c);
      tf.tidy(() => {
        const { x, gamma, beta } = tensorsOf(p);
        const all = normalizer.op(x, { gamma, beta }, p.options);
        const one = normalizer.op(tensor(firstSamples(p.x, 1)), { gamma, beta }, p.options);
        const wanted = all.slice(0, 1).dataSync();
        expectClose('y of the first sample', one, wanted, { scaled: 2e-6 });
      });
    });
  });
}
