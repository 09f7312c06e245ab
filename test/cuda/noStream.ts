/** Without its library for TensorFlow's stream the GPU kernels refuse: for the reason REFUSAL, with what to do. */
import { strict as assert } from 'node:assert';
import { norm, tf } from '../../src';
import { during, launches } from './driver';
import type { Test } from './test';

export default async function noStream(test: Test): Promise<void> {
  await test('an op is refused with the reason and the fix, twice, and launches nothing', () => {
    const x = tf.ones([4, 3, 3, 6]);
    const refused = during(() => {
      for (const _ of [1, 2]) {
        assert.throws(
          () => norm.ops.groupNorm(x, { groups: 3 }),
          new RegExp(
            `TfjsGroupNorm: .*${process.env.REFUSAL}.*; run \`npx tfjs-cuda-norm setup\` to build it`,
            's',
          ),
        );
      }
    });
    assert.deepEqual(launches(refused), {});
    assert.equal(tf.memory().numTensors, 1);
    x.dispose();
  });

  await test("TensorFlow's own ops go on", () => {
    const y = tf.ones([3]).reshape([3, 1]);
    assert.deepEqual(y.shape, [3, 1]);
    y.dispose();
  });
}
