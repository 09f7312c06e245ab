// Where things are: the package, the project that uses it, the user cache; and the one error that steps report with.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** `TFJS_CUDA_NORM_CACHE`, else `$XDG_CACHE_HOME/tfjs-cuda-norm`, else `~/.cache/tfjs-cuda-norm`. */
export function cacheRoot(env = process.env) {
  if (env.TFJS_CUDA_NORM_CACHE) {
    return resolve(env.TFJS_CUDA_NORM_CACHE);
  }
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tfjs-cuda-norm');
}

/** Where the addon and the op libraries are, as in src/native.ts: what was built here, else what the package brings. */
export function libraryFolder(env = process.env, root = packageRoot) {
  const own = ['build/Release', 'prebuilt/linux-x64'].map((folder) => join(root, folder));
  const found = own.find((folder) => existsSync(join(folder, 'tfjs_cuda_norm.node')));
  return env.TFJS_CUDA_NORM_LIBRARY_DIR || found || own[0];
}

/**
 * What every step works on. `checkout` is true in a clone of the repository, where packages and dist/ are built;
 * false in an installed package, where `project` is the user's folder and owns @tensorflow/tfjs-node. `machine`: what tests
 * put in place of this one: `requirements`, `freeBytes`, `proc`.
 */
export function makeContext(options = {}) {
  const root = resolve(options.root ?? packageRoot);
  const checkout = options.checkout ?? existsSync(join(root, 'package-lock.json'));
  const env = options.env ?? process.env;
  return {
    root,
    checkout,
    env,
    project: resolve(options.project ?? (checkout ? root : process.cwd())),
    cache: cacheRoot(env),
    log: options.log,
    ...options.machine,
  };
}

/** The folder of an installed npm package as the project sees it, then as we see it; undefined where it is missing. */
export function findPackage(context, name) {
  for (const folder of [context.project, context.root]) {
    try {
      const require = createRequire(join(folder, 'package.json'));
      return dirname(require.resolve(`${name}/package.json`));
    } catch {
      // Not installed for this folder.
    }
  }
  return undefined;
}

/** A step that cannot be done here: which, why, what to do about it and what works without it. */
export class StepProblem extends Error {
  constructor(step, { why, fix, works }) {
    super(`${step}: ${why}`);
    this.name = 'StepProblem';
    this.step = step;
    this.why = why;
    this.fix = fix;
    this.works = works;
  }
}

export const WITHOUT_TENSORFLOW =
  "the composed ops on tfjs's plain cpu backend, and the host kernels behind them where the native build succeeds";
