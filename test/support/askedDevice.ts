/** Every test file runs on the device that TFJS_CUDA_NORM_DEVICE asks for, or fails. */
import { norm } from '../../src';

const DEVICES = ['composed', 'host', 'emulated', 'cuda'];

export const asked = process.env.TFJS_CUDA_NORM_DEVICE ?? '';
/** Whether native kernels run, that is, whether the ops are not composed of tfjs ops. */
export const native = asked !== 'composed';

beforeAll(() => {
  if (!DEVICES.includes(asked)) {
    throw new Error(
      `TFJS_CUDA_NORM_DEVICE must be one of ${DEVICES.join(', ')} to run the tests, got '${asked}'`,
    );
  }
  const { device, backend, reason } = norm.device();
  if (device !== asked || backend !== 'tensorflow') {
    throw new Error(
      `the tests were asked to run on '${asked}' under backend 'tensorflow', ` +
        `but run on '${device}' under '${backend}': ${reason}`,
    );
  }
});
