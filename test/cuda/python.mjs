// Python's TensorFlow on the same road: the environment of the Python tests, its libtensorflow replaced by the CUDA
// build's (the RUNPATH of the wheel's extensions comes after LD_LIBRARY_PATH).
import { dirname, join } from 'node:path';
import { ensurePythonEnvironment } from '../../scripts/setup/python.mjs';
import { roadEnvironment, standIn } from './road.mjs';

export async function makePythonTests(context, library) {
  const { python, reason } = await ensurePythonEnvironment(context);
  if (!python) {
    throw new Error(`the Python part needs the environment of the Python tests: ${reason}`);
  }
  return {
    name: 'python',
    command: python,
    args: [
      join(context.root, 'test/cuda/python_test.py'),
      join(context.root, 'build/Release/libtfjs_cuda_norm_emulated.so'),
    ],
    env: roadEnvironment(context, { TFJS_CUDA_NORM_STAND_IN_DEVICES: '2' }, [
      dirname(library.main),
      standIn(context.root),
    ]),
  };
}
