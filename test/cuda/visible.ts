/** One device of two, as the package advises: nothing goes between devices. */
import { strict as assert } from 'node:assert';
import { norm, tf } from '../../src';
import { addon } from '../support/addon';
import { during } from './driver';
import type { Test } from './test';

export default async function visible(test: Test): Promise<void> {
  await test('CUDA_VISIBLE_DEVICES=1 leaves the second device', () => {
    assert.deepEqual(
      addon()
        .devices()
        .devices.map(({ name }) => name),
      ['Stand-in GPU 1'],
    );
    assert.doesNotMatch(norm.device().reason, /CUDA_VISIBLE_DEVICES/);
  });

  await test('copies and kernels are on it, and nothing goes between devices', () => {
    const counted = during(() => {
      const x = tf.randomNormal([8, 5, 5, 12]);
      const y = norm.ops.layerNorm(norm.ops.groupNorm(x, { groups: 3 }));
      y.dataSync();
      tf.dispose([x, y]);
    });
    assert.equal(counted.devices, 1);
    assert.deepEqual(
      [
        counted.copies.toDevice.count,
        counted.copies.toHost.count,
        counted.copies.betweenDevices.count,
      ],
      [1, 1, 0],
    );
  });
}
