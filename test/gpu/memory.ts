/** What many training steps leave behind: tensors, our temporaries, memory of the device. */
import { norm, tf } from '../../src';
import { nativeLibrary } from '../../src/native';
import { driverCounters } from './driver';
import type { Step } from './step';

// TensorFlow's allocator may take one more region late; a leak of a tensor in each step is far more over all of them.
const ALLOWED_BYTES = 64 << 20;

function now() {
  const driver = driverCounters()?.copies().liveBytes;
  const devices = nativeLibrary?.addon.devices().devices ?? [];
  const free = devices[0]?.freeMemory || undefined;
  return { tensors: tf.memory().numTensors, temporaries: norm.counters().liveBytes, driver, free };
}

export function memoryOver(steps: number, step: Step) {
  for (let i = 0; i < 10; i++) step.run();
  const before = now();
  for (let i = 0; i < steps; i++) step.run();
  const after = now();
  // Free memory as the device tells it, where it does; other processes may use it too.
  const taken =
    before.driver !== undefined
      ? after.driver! - before.driver
      : before.free !== undefined && after.free !== undefined
        ? before.free - after.free
        : null;
  return {
    steps,
    tensors: after.tensors - before.tensors,
    temporaryBytes: after.temporaries,
    deviceBytes: taken,
    ok:
      after.tensors === before.tensors &&
      after.temporaries === 0 &&
      (taken === null || taken <= ALLOWED_BYTES),
  };
}
