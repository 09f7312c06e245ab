import { tf } from '../../../src';
import { dot, normal } from '../arrays';
import { type Normalizer, title } from '../describeNormalizer';
import { expectClose } from '../expectClose';
import { prepare, run, tensorsOf } from '../prepared';
import type { Parameters } from '../reference';

const STEP = 1e-5;

/** The op's gradients against the reference's, and the reference's against finite differences of itself. */
export function describeGradients(normalizer: Normalizer): void {
  describe('gradients', () => {
    test.each(normalizer.cases.map((c) => [title(c), c] as const))('op %s', (_, c) => {
      const p = prepare(normalizer, c);
      const want = p.reference.gradients(p.dy.data);
      tf.tidy(() => {
        const { grads } = run(normalizer, p, tensorsOf(p));
        for (const [name, got] of Object.entries(grads)) {
          const { shape } = name === 'x' ? p.x : p.parameters[name as 'gamma' | 'beta']!;
          expect(got.shape).toEqual(shape);
          expectClose(`d${name}`, got, want[name as keyof typeof want]);
        }
        expect(Object.keys(grads)).toContain('x');
      });
    });

    const small = normalizer.cases.filter((c) => {
      const size = c.shape.reduce((a, b) => a * b, 1);
      return size > 0 && size <= 400;
    });
    test.each(small.map((c) => [title(c), c] as const))('of the reference %s', (_, c) => {
      const p = prepare(normalizer, c);
      const partition = normalizer.partition(c.shape, p.options);
      const options = { ...p.options, ...p.reference.held };
      const loss = (x: Float64Array, parameters: Parameters) =>
        dot(p.dy.data, normalizer.reference(x, partition, parameters, options).y);
      const want = p.reference.gradients(p.dy.data);

      const along = (values: Float64Array, direction: Float64Array, step: number) =>
        values.map((value, i) => value + step * direction[i]!);
      const check = (what: keyof typeof want, at: (step: number, v: Float64Array) => number) => {
        const v = normal([want[what].length], 99).data;
        const difference = (at(STEP, v) - at(-STEP, v)) / (2 * STEP);
        expectClose(`<d${what}, v>`, [dot(want[what], v)], [difference], {
          scaled: 1e-6,
          relative: 1e-6,
        });
      };
      if (!normalizer.controlled) {
        check('x', (step, v) => loss(along(p.x.data, v, step), p.parameters));
      }
      for (const name of ['gamma', 'beta'] as const) {
        const parameter = p.parameters[name];
        if (!parameter) continue;
        check(name, (step, v) => {
          const moved = { shape: parameter.shape, data: along(parameter.data, v, step) };
          return loss(p.x.data, { ...p.parameters, [name]: moved });
        });
      }
    });
  });
}
