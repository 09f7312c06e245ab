import type { Normalizer } from '../describeNormalizer';
import { memory } from '../tensors';

/** Each bad call throws an Error that starts with the op or layer, and leaves nothing behind. */
export function describeBadArguments({ badArguments }: Normalizer): void {
  describe('refuses', () => {
    test.each(badArguments)('%s', (_, call, message) => {
      const before = memory();
      expect(call).toThrow(message);
      expect(memory()).toEqual(before);
    });
  });
}
