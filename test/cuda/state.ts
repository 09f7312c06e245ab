/** What the package says of a machine in some state: EXPECT_DEVICE, EXPECT_REASON; of an op there: EXPECT_ERROR. */
import { strict as assert } from 'node:assert';
import { norm, tf } from '../../src';
import type { Test } from './test';

export default async function state(test: Test): Promise<void> {
  const { EXPECT_DEVICE, EXPECT_REASON = '', EXPECT_ERROR } = process.env;

  await test('norm.device() says where ops run and why', () => {
    const { device, reason } = norm.device();
    assert.equal(device, EXPECT_DEVICE, reason);
    assert.match(reason, new RegExp(EXPECT_REASON));
  });

  await test(EXPECT_ERROR ? 'an op says why it cannot run' : 'an op runs', () => {
    const x = tf.tensor([1, 2, 3, 4], [1, 4]);
    const call = () =>
      tf.tidy(() => Array.from(norm.ops.rmsNorm(x, { epsilon: 1e-12 }).dataSync()));
    if (EXPECT_ERROR) {
      assert.throws(call, new RegExp(EXPECT_ERROR));
    } else {
      const expected = [1, 2, 3, 4].map((value) => value / Math.sqrt(7.5));
      call().forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]!) < 1e-6, `${value}, expected ${expected[i]}`);
      });
    }
    x.dispose();
  });
}
