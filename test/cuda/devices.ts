/** Two devices. What tfjs-node does with them is not ours to change, so the package says what to set. */
import { strict as assert } from 'node:assert';
import { norm, tf } from '../../src';
import { type DriverCounters, during } from './driver';
import type { Test } from './test';

const devicesThatRan = (of: DriverCounters) =>
  of.streams.filter(({ launches }) => Object.keys(launches).length > 0).map(({ device }) => device);

export default async function devices(test: Test): Promise<void> {
  await test('the package advises CUDA_VISIBLE_DEVICES', () => {
    assert.match(norm.device().reason, /there are 2 GPUs: .* set CUDA_VISIBLE_DEVICES/);
  });

  await test('a new tensor is copied to the device that ops run on, once; a chain then stays there', () => {
    const counted = during(() => {
      const x = tf.randomNormal([8, 5, 5, 12]);
      const y = norm.ops.layerNorm(norm.ops.groupNorm(x, { groups: 3 }));
      tf.dispose([x, y]);
    });
    assert.equal(counted.devices, 2);
    assert.deepEqual(devicesThatRan(counted), [0]);
    assert.equal(counted.copies.toDevice.count, 1);
    assert.equal(counted.copies.betweenDevices.count, 1);
  });
}
