/**
 * The real library's CUDA kernels: the ops of libtfjs_cuda_norm.so, its own registration, launch code and compiled
 * kernels, on TensorFlow's GPU. The kernels compute nothing over the stand-in, so what counts is where they go.
 */
import { strict as assert } from 'node:assert';
import { norm, tf } from '../../src';
import { rawOps } from '../support/everyOp';
import { callRaw } from '../support/rawOp';
import { during, launches, withFault } from './driver';
import type { Test } from './test';

export default async function road(test: Test): Promise<void> {
  await test('norm.device() says cuda', () => {
    const { device, reason } = norm.device();
    assert.equal(device, 'cuda', reason);
    assert.match(reason, /TensorFlow has a GPU/);
  });

  for (const raw of rawOps) {
    await test(`${raw.name} launches its kernels on the first stream that TensorFlow created`, () => {
      const counted = during(() => {
        tf.dispose(callRaw(raw));
      });
      const streams = launches(counted);
      assert.deepEqual(Object.keys(streams), ['1']);
      // Names as the compiler makes them; tf.ones is a host tensor, so TensorFlow launches nothing of its own.
      for (const kernel of Object.keys(streams[1]!)) assert.match(kernel, /tfjs_norm/);
    });
  }

  await test('a launch that fails names the kernel, and the next call works', () => {
    const x = tf.ones([4, 3, 3, 6]);
    const call = () => tf.dispose(norm.ops.groupNorm(x, { groups: 3 }));
    assert.throws(
      () => withFault('launch', 0, call),
      /TfjsGroupNorm: device lost: launch of kernel Moments .* failed: unspecified launch failure/,
    );
    assert.deepEqual(Object.keys(launches(during(call))), ['1']);
    x.dispose();
  });
}
