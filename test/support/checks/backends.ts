import { tf } from '../../../src';
import { type Normalizer, title } from '../describeNormalizer';
import { expectClose } from '../expectClose';
import { type Prepared, prepare, run, tensorsOf } from '../prepared';
import { onBackend } from '../tensors';

/** Backend `tensorflow` against backend `cpu` in the same process: results and gradients. */
export function describeBackends(normalizer: Normalizer): void {
  describe('backends tensorflow and cpu agree', () => {
    const resultsOn = (backend: string, p: Prepared) =>
      onBackend(backend, () => {
        const results = new Map<string, Float32Array>();
        tf.tidy(() => {
          const { y, grads } = run(normalizer, p, tensorsOf(p));
          for (const [name, tensor] of Object.entries({ y, ...grads })) {
            results.set(name, Float32Array.from(tensor.dataSync()));
          }
        });
        return results;
      });

    test.each(normalizer.cases.map((c) => [title(c), c] as const))('%s', async (_, c) => {
      const p = prepare(normalizer, c);
      const cpu = await resultsOn('cpu', p);
      const tensorflow = await resultsOn('tensorflow', p);
      expect([...tensorflow.keys()]).toEqual([...cpu.keys()]);
      for (const [name, got] of tensorflow) expectClose(name, got, cpu.get(name)!);
    });
  });
}
