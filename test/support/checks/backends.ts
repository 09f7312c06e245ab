import { tf } from '../../../src';
import { type Normalizer, title } from '../describeNormalizer';
import { expectClose } from '../expectClose';
import { type Prepared, prepare, run, tensorsOf } from '../prepared';

/** Backend `tensorflow` against backend `cpu` in the same process: results and gradients. */
export function describeBackends(normalizer: Normalizer): void {
  describe('backends tensorflow and cpu agree', () => {
    const resultsOn = async (backend: string, p: Prepared) => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const { y, grads } = run(normalizer, p, tensorsOf(p));
        const read = ([name, tensor]: [string, typeof y]) =>
          [name, Float32Array.from(tensor.dataSync())] as const;
        return new Map(Object.entries({ y, ...grads }).map(read));
      });
    };
    // The first use of backend `cpu` under Node prints an advertisement of tfjs-node.
    beforeAll(() => jest.spyOn(console, 'warn').mockImplementation(() => {}));
    afterAll(() => jest.restoreAllMocks());
    afterEach(async () => {
      await tf.setBackend('tensorflow');
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
