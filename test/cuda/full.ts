/** A device that is full, in a process of its own: TensorFlow waits ten seconds for memory before it gives up. */
import { strict as assert } from 'node:assert';
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { withFault } from './driver';
import type { Test } from './test';

const SHAPE = [32, 32, 32, 32];

export default async function full(test: Test): Promise<void> {
  await test('a full device is an error that says so, and after room is made the next call is right', () => {
    const x = tf.ones(SHAPE).mul(0);
    const y: Tensor[] = [norm.ops.groupNorm(x, { groups: 4 })];
    const right = y[0]!.dataSync();
    assert.throws(
      () =>
        withFault('full', 0, () => {
          // Until what TensorFlow has of the device's memory is used up.
          for (let i = 0; i < 100; i++) y.push(norm.ops.groupNorm(x, { groups: 4 }));
        }),
      /TfjsGroupNorm: (y|moments|temporary memory): .*OOM when allocating tensor/s,
    );
    tf.dispose(y);
    const again = norm.ops.groupNorm(x, { groups: 4 });
    assert.deepEqual(again.dataSync(), right);
    assert.equal(norm.counters().liveBytes, 0);
    tf.dispose([x, again]);
  });
}
