// libtensorflow for tfjs-node: LIBTENSORFLOW_DIR, what tfjs-node has already, else the pinned wheel from PyPI.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StepProblem, WITHOUT_TENSORFLOW } from './context.mjs';
import { megabytes } from './log.mjs';
import { downloadWheel, findPython, machine, readRequirements, unpackWheel } from './pip.mjs';
import { hash, publishFolder, withLock } from './store.mjs';

export const STEP = 'libtensorflow';
const REQUIREMENTS = fileURLToPath(new URL('../requirements-tensorflow.txt', import.meta.url));
// The C library's tarball has libtensorflow.so.2, a Python package libtensorflow_cc.so.2.
const MAIN_NAMES = ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow.so'];
const FRAMEWORK_NAMES = ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'];

const firstThere = (folder, names) =>
  names.map((name) => join(folder, name)).find((path) => existsSync(path));

/** What a folder holds: `{ main, framework, include, key }`, or undefined where it has no libtensorflow. */
export function inspectLibrary(folder) {
  for (const libraries of [folder, join(folder, 'lib')]) {
    const main = firstThere(libraries, MAIN_NAMES);
    const framework = firstThere(libraries, FRAMEWORK_NAMES);
    if (main && framework) {
      const include = [join(libraries, 'include'), join(libraries, '../include')].find((path) =>
        existsSync(join(path, 'tensorflow/c/c_api.h')),
      );
      const path = realpathSync(main);
      const stat = statSync(path);
      return {
        main: path,
        framework: realpathSync(framework),
        include: include && realpathSync(include),
        key: hash(path, stat.size, stat.mtimeMs),
      };
    }
  }
  return undefined;
}

/** The library that LIBTENSORFLOW_DIR names, or undefined where the variable is not set. */
export function namedLibrary(context) {
  const folder = context.env.LIBTENSORFLOW_DIR;
  if (!folder) {
    return undefined;
  }
  const library = inspectLibrary(resolve(folder));
  if (!library) {
    throw new StepProblem(STEP, {
      why: `LIBTENSORFLOW_DIR is ${folder}, expected a folder with ${MAIN_NAMES[0]} (or ${MAIN_NAMES[1]}) and ${FRAMEWORK_NAMES[0]}, in it or in its lib/`,
      fix: 'point it at a TensorFlow C library or at the tensorflow folder of a Python environment, or unset it',
      works: WITHOUT_TENSORFLOW,
    });
  }
  return { ...library, source: 'LIBTENSORFLOW_DIR' };
}

/** The library of the pinned wheel, downloaded into the user cache when it is not there yet. */
export async function wheelLibrary(context) {
  const wanted = readRequirements(REQUIREMENTS)[0];
  if (!wanted) {
    throw new StepProblem(STEP, {
      why: `PyPI has no TensorFlow build for ${machine()}`,
      fix: 'install a TensorFlow C library and set LIBTENSORFLOW_DIR to its folder, then run setup again',
      works: WITHOUT_TENSORFLOW,
    });
  }
  const folder = join(
    context.cache,
    'libtensorflow',
    `${wanted.name}-${wanted.version}-${wanted.hashes[0].slice(0, 12)}`,
  );
  const kept = () => {
    const library = inspectLibrary(folder);
    return library && { ...library, source: `${wanted.name} ${wanted.version} wheel` };
  };
  return (
    kept() ??
    withLock(
      context.cache,
      'libtensorflow',
      async () => {
        if (!kept()) {
          await fetchWheel(context, wanted, folder);
        }
        return kept();
      },
      ({ pid }) => context.log.step(STEP, `another setup (process ${pid}) is bringing it; waiting`),
    )
  );
}

async function fetchWheel(context, wanted, folder) {
  const python = await findPython(context.env);
  if (typeof python === 'string') {
    throw new StepProblem(STEP, {
      why: `it comes from PyPI, and there is no Python with pip: ${python}`,
      fix: 'install python3 and pip (Debian, Ubuntu: apt install python3 python3-pip), or set LIBTENSORFLOW_DIR to a libtensorflow you have',
      works: WITHOUT_TENSORFLOW,
    });
  }
  const downloads = join(context.cache, 'downloads', 'libtensorflow');
  const platform = `manylinux_2_27_${machine()}`;
  try {
    const wheel = await downloadWheel(context, STEP, python.python, wanted, downloads, [
      '--python-version',
      '3.11',
      '--implementation',
      'cp',
      '--abi',
      'cp311',
      '--platform',
      platform,
    ]);
    context.log.step(STEP, `unpacking ${wanted.name} ${wanted.version} into ${folder}`);
    await publishFolder(folder, (draft) =>
      unpackWheel(context, STEP, python.python, wheel, draft, 'tensorflow/', [
        'tensorflow/libtensorflow_cc.so.2',
        'tensorflow/libtensorflow_framework.so.2',
        'tensorflow/include/',
      ]),
    );
    rmSync(downloads, { recursive: true, force: true });
  } catch (error) {
    if (error instanceof StepProblem) {
      error.works = WITHOUT_TENSORFLOW;
      error.fix += '; or set LIBTENSORFLOW_DIR to a libtensorflow you have';
    }
    throw error;
  }
  const { main } = inspectLibrary(folder);
  context.log.step(
    STEP,
    `${wanted.version} is in the user cache (${megabytes(statSync(main).size)})`,
  );
}

const isLink = (path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

function link(target, path) {
  if (isLink(path) && readlinkSync(path) === target) {
    return;
  }
  const draft = `${path}.${process.pid}`;
  symlinkSync(target, draft);
  rmSync(path, { recursive: true, force: true });
  renameSync(draft, path);
}

/**
 * Links a library into tfjs-node's deps/ under every name that tfjs-node's binding and TensorFlow itself ask for.
 * A deps/ folder that tfjs-node's own install script filled is moved to deps.original, never deleted.
 */
export function linkLibrary(tfjsNode, library) {
  const deps = join(tfjsNode, 'deps');
  const libraries = join(deps, 'lib');
  if (
    firstThere(
      libraries,
      MAIN_NAMES.filter((name) => !isLink(join(libraries, name))),
    )
  ) {
    rmSync(`${deps}.original`, { recursive: true, force: true });
    renameSync(deps, `${deps}.original`);
  }
  mkdirSync(libraries, { recursive: true });
  for (const name of ['libtensorflow.so', 'libtensorflow.so.2', 'libtensorflow_cc.so.2']) {
    link(library.main, join(libraries, name));
  }
  for (const name of FRAMEWORK_NAMES) {
    link(library.framework, join(libraries, name));
  }
  if (library.include) {
    link(library.include, join(deps, 'include'));
  }
  // libtensorflow_framework looks for the CUDA libraries of a Python environment in $ORIGIN/../nvidia.
  const nvidia = resolve(dirname(library.main), '../nvidia');
  if (existsSync(nvidia)) {
    link(nvidia, join(deps, 'nvidia'));
  } else {
    rmSync(join(deps, 'nvidia'), { recursive: true, force: true });
  }
}
