// What `scripts/gpu-check --tensorflow` takes, made of this machine's Node and the CUDA build in the user cache.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ensureCuda } from '../setup/cuda.mjs';
import { ensureTensorflow } from '../setup/tensorflow.mjs';

/** `runtime` and `program` as the options want them, and the environment that has a CUDA toolkit's libdevice. */
export async function gpuRuntime(context) {
  const { main, framework } = await ensureTensorflow(context, { build: 'cuda' });
  const { nvcc } = await ensureCuda(context, 'yes');
  // It needs a package, and npm test begins where there are none yet.
  const { makeProgram } = await import('../gpu-program.mjs');
  const program = await makeProgram(join(context.root, 'build/gpu-program'));
  const runtime = join(context.root, 'build/gpu-runtime');
  rmSync(runtime, { recursive: true, force: true });
  for (const folder of ['bin', 'lib']) {
    mkdirSync(join(runtime, folder), { recursive: true });
  }
  symlinkSync(process.execPath, join(runtime, 'bin/node'));
  for (const library of [main, framework]) {
    symlinkSync(library, join(runtime, 'lib', basename(library)));
  }
  return { runtime, program, environment: { ...context.env, CUDA_HOME: dirname(dirname(nvcc)) } };
}
