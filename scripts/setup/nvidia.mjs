// The CUDA 12 libraries that TensorFlow's CUDA build opens, from NVIDIA's wheels, in one folder as Python lays them out.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from './store.mjs';
import { fetchFolder, requireSpace } from './wheels.mjs';

export const STEP = 'CUDA libraries';

/** The name of a package's folder under nvidia/: nvidia-cuda-nvrtc-cu12 is in cuda_nvrtc. */
export const partOf = ({ name }) => name.replace(/^nvidia-|-cu\d+$/g, '').replaceAll('-', '_');

/** The packages whose part a folder nvidia/ does not have. */
export const missingParts = (folder, packages) =>
  packages.filter((wanted) => !existsSync(join(folder ?? '', partOf(wanted))));

/** The folder nvidia/ of the user cache for these packages, and which of them it does not have yet. */
export function nvidiaFolder(context, packages) {
  const folder = join(
    context.cache,
    'cuda-libraries',
    hash(packages.map(({ line }) => line)),
    'nvidia',
  );
  return {
    folder,
    missing: packages.filter((wanted) => !existsSync(join(folder, partOf(wanted)))),
  };
}

/**
 * Brings what is missing, wheel by wheel, so that a run that was stopped goes on where it was. The libraries find each
 * other beside themselves ($ORIGIN/../../cublas/lib), so all are in one real folder. The caller holds a lock.
 */
export async function fetchNvidia(context, python, packages) {
  const { folder, missing } = nvidiaFolder(context, packages);
  requireSpace(context, STEP, missing);
  mkdirSync(folder, { recursive: true });
  for (const [i, wanted] of missing.entries()) {
    const part = partOf(wanted);
    context.log.step(STEP, `${part} (${i + 1} of ${missing.length})`);
    const strip = `nvidia/${part}/`;
    await fetchFolder(context, STEP, python, wanted, join(folder, part), {
      strip,
      // TensorFlow compiles sqrt, exp and others of its own kernels at run time, which takes NVIDIA's libdevice.
      prefixes: [`${strip}lib/`, `${strip}nvvm/libdevice/`],
    });
  }
  return folder;
}
