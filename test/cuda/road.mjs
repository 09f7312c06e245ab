// The road: tfjs-node on TensorFlow's CUDA build over the stand-in driver, in folders of its own under build/.
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { findPackage } from '../../scripts/setup/context.mjs';
import { linkLibrary } from '../../scripts/setup/link.mjs';
import { ensureTensorflow } from '../../scripts/setup/tensorflow.mjs';

/** What the libraries of the stand-in are called; without one of them TensorFlow has no GPU. */
export const standIn = (root) => join(root, 'build/Release/stand-in');

/** A folder with all of them but one. */
export function standInWithout(root, folder, missing) {
  const without = join(folder, `without-${missing}`);
  mkdirSync(without, { recursive: true });
  for (const entry of readdirSync(standIn(root), { withFileTypes: true })) {
    if (entry.isFile() && entry.name !== missing) {
      symlinkSync(join(standIn(root), entry.name), join(without, entry.name));
    }
  }
  return without;
}

/**
 * A copy of the checkout's tfjs-node with TensorFlow's CUDA build under it. It lies inside the checkout, so that its
 * packages are found. `{ tfjsNode, library }`.
 */
export async function makeRoad(context, name) {
  const library = await ensureTensorflow(context, { build: 'cuda' });
  const source = findPackage(context, '@tensorflow/tfjs-node');
  const folder = join(context.root, 'build', name);
  rmSync(folder, { recursive: true, force: true });
  const tfjsNode = join(folder, 'node_modules/@tensorflow/tfjs-node');
  for (const part of ['package.json', 'dist', 'lib', 'binding']) {
    cpSync(join(source, part), join(tfjsNode, part), { recursive: true });
  }
  linkLibrary(tfjsNode, library);
  return { folder, tfjsNode, library };
}

/** A folder for TFJS_CUDA_NORM_LIBRARY_DIR; `files` are paths under build/Release, by the names they get. */
export function libraryFolder(context, folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const [name, path] of Object.entries(files)) {
    const source = join(context.root, 'build/Release', path);
    try {
      linkSync(source, join(folder, name));
    } catch {
      // Another file system, or none with hard links.
      copyFileSync(source, join(folder, name));
    }
  }
  return folder;
}

/** The environment of a process on the road; `libraries` are searched before everything else. */
export function roadEnvironment(context, extra = {}, libraries = [standIn(context.root)]) {
  const { CUDA_VISIBLE_DEVICES, LIBTENSORFLOW_DIR, ...inherited } = context.env;
  return {
    ...inherited,
    LD_LIBRARY_PATH: libraries.join(':'),
    // The stand-in has no cuDNN to tell the version of, which TensorFlow writes about once per device and thread.
    TF_CPP_MIN_LOG_LEVEL: '3',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    ...extra,
  };
}
