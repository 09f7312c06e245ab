/**
 * The emulated kernels on TensorFlow's GPU: every op's `GPU` kernel on TensorFlow's device memory and stream gives
 * what the host kernels give; what a chain of ops copies; memory over many steps; faults.
 */
import { strict as assert } from 'node:assert';
import type { Tensor } from '@tensorflow/tfjs';
import { norm, tf } from '../../src';
import { addon } from '../support/addon';
import { normal } from '../support/arrays';
import { rawOps } from '../support/everyOp';
import { expectClose } from '../support/expectClose';
import { rawInputs } from '../support/rawInputs';
import { attributes, executeOp } from '../support/rawOp';
import { counters, type DriverCounters, during, launches, withFault } from './driver';
import type { Test } from './test';

/** The stream that all kernels went to; there must be one, and not the default one. */
function onlyStream(of: DriverCounters): number {
  const streams = Object.keys(launches(of)).map(Number);
  assert.equal(streams.length, 1, `kernels on streams ${streams.join(', ')}`);
  assert.notEqual(streams[0], 0, 'kernels on the default stream');
  return streams[0]!;
}

const x = normal([8, 5, 5, 12], 1, { mean: 3 });
const dy = normal([8, 5, 5, 12], 2);
const tensor = ({ data, shape }: typeof x) => tf.tensor(Float32Array.from(data), shape);

const chain = (t: Tensor): Tensor =>
  norm.ops.layerNorm(norm.ops.rmsNorm(norm.ops.groupNorm(t, { groups: 3 })));

/** y and dx of the chain on whatever device tensors are on. */
const forwardAndBackward = (input: Tensor, gradient: Tensor) =>
  tf.tidy(() => [chain(input), tf.grad(chain)(input, gradient)]);

/** y and dx as arrays. */
function expected(): number[][] {
  const [input, gradient] = [tensor(x), tensor(dy)];
  try {
    return tf.tidy(() =>
      forwardAndBackward(input, gradient).map((result) => Array.from(result.dataSync())),
    );
  } finally {
    tf.dispose([input, gradient]);
  }
}

const DEVICE_LOST =
  /^Error: Tfjs\w+: device lost: launch of kernel \w+ failed: unspecified launch failure \(cudaErrorLaunchFailure\)/;

export default async function road(test: Test): Promise<void> {
  await test('TensorFlow has the GPU, and the package says where its ops run', () => {
    assert.equal((tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice, true);
    assert.equal(norm.device().device, 'emulated');
  });

  const streams = new Set<number>();
  for (const raw of rawOps) {
    await test(`${raw.name} on the GPU equals the host`, () => {
      const inputs = rawInputs(raw);
      const expected = addon().run(raw.name, 'host', inputs, raw.attributes);
      let got: Tensor[] = [];
      const counted = during(() => {
        const given = inputs.map(({ data, shape }) => tf.tensor(data, shape));
        got = executeOp(raw.name, attributes(raw.attributes), given, raw.outputs);
        got.forEach((output, i) => {
          expectClose(`output ${i}`, output, expected[i]!.data);
        });
        tf.dispose([given, got]);
      });
      streams.add(onlyStream(counted));
      const filled = expected.filter(({ data }) => data.length > 0).length;
      assert.equal(counted.copies.toHost.count, filled);
      assert.equal(
        counted.copies.toDevice.count,
        inputs.filter(({ data }) => data.length > 0).length,
      );
    });
  }
  await test('every op ran on the first stream that TensorFlow created', () => {
    assert.deepEqual([...streams], [1]);
  });

  await test('a chain of ops copies its input in and its output out, and nothing else', () => {
    let y: ArrayLike<number> = [];
    const counted = during(() => {
      const given = tensor(x);
      const out = chain(given);
      y = out.dataSync();
      tf.dispose([given, out]);
    });
    assert.ok(y.length > 0);
    assert.deepEqual(counted.copies, {
      toDevice: { count: 1, bytes: 4 * x.data.length },
      toHost: { count: 1, bytes: 4 * x.data.length },
      onDevice: { count: 0, bytes: 0 },
      betweenDevices: { count: 0, bytes: 0 },
    });
  });

  await test('backward copies two inputs in and one output out', () => {
    const counted = during(() => {
      const [input, gradient] = [tensor(x), tensor(dy)];
      const dx = tf.grad(chain)(input, gradient);
      dx.dataSync();
      tf.dispose([input, gradient, dx]);
    });
    assert.deepEqual(
      [counted.copies.toDevice.count, counted.copies.toHost.count, counted.copies.onDevice.count],
      [2, 1, 0],
    );
  });

  await test('200 steps leave the memory of the device as it was', () => {
    for (let i = 0; i < 5; i++) expected();
    const tensors = tf.memory().numTensors;
    const before = counters();
    const counted = during(() => {
      for (let i = 0; i < 200; i++) expected();
    });
    assert.equal(counted.liveBytes, before.liveBytes);
    assert.equal(counted.allocations, 0);
    assert.equal(tf.memory().numTensors, tensors);
    assert.equal(norm.counters().liveBytes, 0);
  });

  const right = expected();
  for (const { fault, after, says } of [
    { fault: 'launch' as const, after: 1, says: DEVICE_LOST },
    { fault: 'lost' as const, after: 2, says: DEVICE_LOST },
    // x goes in, then the kernels run, then y comes out.
    { fault: 'copy' as const, after: 0, says: /CUDA_ERROR_LAUNCH_FAILED/ },
    { fault: 'copy' as const, after: 2, says: /CUDA_ERROR_LAUNCH_FAILED/ },
  ]) {
    await test(`${fault} ${after}: an error that says what failed, and the next call is right`, () => {
      assert.throws(() => withFault(fault, after, expected), says);
      assert.deepEqual(expected(), right);
      assert.equal(norm.counters().liveBytes, 0);
    });
  }
}
