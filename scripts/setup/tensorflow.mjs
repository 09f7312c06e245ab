// libtensorflow for tfjs-node: LIBTENSORFLOW_DIR, what tfjs-node has already, else the pinned wheel from PyPI.
import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StepProblem, WITHOUT_TENSORFLOW } from './context.mjs';
import { megabytes } from './log.mjs';
import { fetchNvidia, nvidiaFolder } from './nvidia.mjs';
import { machine, readRequirements } from './pip.mjs';
import { hash, withLock } from './store.mjs';
import { fetchFolder, requireSpace, withPython } from './wheels.mjs';

export const STEP = 'libtensorflow';
const REQUIREMENTS = {
  cpu: fileURLToPath(new URL('../requirements-tensorflow.txt', import.meta.url)),
  cuda: fileURLToPath(new URL('../requirements-tensorflow-cuda.txt', import.meta.url)),
};
// Only its libraries and headers are used, so the wheel of one Python serves all.
const PYTHON_TAGS = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'];
const WHEEL = {
  strip: 'tensorflow/',
  prefixes: [
    'tensorflow/libtensorflow_cc.so.2',
    'tensorflow/libtensorflow_framework.so.2',
    'tensorflow/include/',
  ],
  pipArguments: [...PYTHON_TAGS, '--platform', `manylinux_2_27_${machine()}`],
};
// The C library's tarball has libtensorflow.so.2, a Python package libtensorflow_cc.so.2.
const MAIN_NAMES = ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow.so'];
const FRAMEWORK_NAMES = ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'];

const firstThere = (folder, names) =>
  names.map((name) => join(folder, name)).find((path) => existsSync(path));

const real = (path) => (path && existsSync(path) ? realpathSync(path) : undefined);

/**
 * What a folder holds: `{ main, framework, include, nvidia, key }`, real paths; undefined where it has no libtensorflow.
 * Headers and CUDA libraries are looked for beside the library itself, then beside the folder, which may hold links.
 */
export function inspectLibrary(folder) {
  for (const libraries of [folder, join(folder, 'lib')]) {
    const main = real(firstThere(libraries, MAIN_NAMES));
    const framework = real(firstThere(libraries, FRAMEWORK_NAMES));
    if (main && framework) {
      const include = [dirname(main), libraries]
        .flatMap((place) => [join(place, 'include'), join(place, '../include')])
        .find((path) => existsSync(join(path, 'tensorflow/c/c_api.h')));
      // The places that libtensorflow_framework itself looks at, by its RUNPATH ($ORIGIN/../nvidia).
      const nvidia =
        real(join(libraries, '../nvidia')) ?? real(join(dirname(framework), '../nvidia'));
      const { size, mtimeMs } = statSync(main);
      return { main, framework, include: real(include), nvidia, key: hash(main, size, mtimeMs) };
    }
  }
  return undefined;
}

// A CUDA build names the CUDA libraries that it opens, and a Python wheel's has their folders in its RUNPATH.
const CUDA_MARKS = ['nvidia/cudnn/lib', 'nvidia/cuda_runtime/lib', 'libcudart.so', 'libcudnn.so'];

/** Whether a file holds one of these texts. */
export function holds(path, marks) {
  const chunk = Buffer.alloc(8 << 20);
  const overlap = 64;
  const file = openSync(path, 'r');
  try {
    for (let position = 0; ; ) {
      const length = readSync(file, chunk, 0, chunk.length, position);
      const bytes = chunk.subarray(0, length);
      if (marks.some((mark) => bytes.includes(mark))) {
        return true;
      }
      if (length < chunk.length) {
        return false;
      }
      position += length - overlap;
    }
  } finally {
    closeSync(file);
  }
}

export const isCudaBuild = (path) => holds(path, CUDA_MARKS);

export const buildOf = (library) => (isCudaBuild(library.framework) ? 'cuda' : 'cpu');

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

/** What PyPI has for this machine: the build of TensorFlow, and the CUDA libraries where it is a CUDA build.
 * `context.requirements` names other lists, in tests. */
export function pinnedPackages(context, build) {
  const packages = readRequirements((context.requirements ?? REQUIREMENTS)[build]);
  return {
    tensorflow: packages.find(({ name }) => name.startsWith('tensorflow')),
    nvidia: packages.filter(({ name }) => name.startsWith('nvidia-')),
  };
}

const wheelFolder = (context, { name, version, hashes }) =>
  join(context.cache, 'libtensorflow', `${name}-${version}-${hashes[0].slice(0, 12)}`);

/** What would be fetched for a build with its CUDA libraries: the packages that the user cache does not have. */
export function missingPackages(context, build) {
  const { tensorflow, nvidia } = pinnedPackages(context, build);
  const have = tensorflow && inspectLibrary(wheelFolder(context, tensorflow));
  return [...(tensorflow && !have ? [tensorflow] : []), ...nvidiaFolder(context, nvidia).missing];
}

/** The pinned build as the user cache has it; undefined where something is missing. */
function keptLibrary(context, packages, libraries) {
  const library = inspectLibrary(wheelFolder(context, packages.tensorflow));
  const nvidia = libraries ? nvidiaFolder(context, packages.nvidia) : undefined;
  if (!library || nvidia?.missing.length > 0) {
    return undefined;
  }
  const { name, version } = packages.tensorflow;
  const source = `the wheel ${name} ${version}`;
  return { ...library, source, nvidia: nvidia?.folder };
}

/**
 * Brings the pinned TensorFlow into the user cache and says where it is: `{ main, framework, include, nvidia, key,
 * source }`. `build` is 'cpu' or 'cuda'; `libraries` adds the CUDA libraries (2.8 GB), `nvidia` being their folder. No
 * tfjs-node is touched.
 */
export async function ensureTensorflow(context, { build = 'cpu', libraries = false } = {}) {
  const packages = pinnedPackages(context, build);
  if (!packages.tensorflow) {
    throw new StepProblem(STEP, {
      why: `PyPI has no ${build === 'cuda' ? 'CUDA' : 'TensorFlow'} build for ${machine()}`,
      fix: 'install a TensorFlow C library and set LIBTENSORFLOW_DIR to its folder, then run setup again',
      works: WITHOUT_TENSORFLOW,
    });
  }
  const kept = () => keptLibrary(context, packages, libraries);
  return (
    kept() ??
    withLock(
      context.cache,
      'libtensorflow',
      async () => {
        if (!kept()) {
          await fetchPinned(context, packages, libraries);
        }
        return kept();
      },
      ({ pid }) => context.log.step(STEP, `another setup (process ${pid}) is bringing it; waiting`),
    )
  );
}

async function fetchPinned(context, packages, libraries) {
  const wanted = packages.tensorflow;
  const folder = wheelFolder(context, wanted);
  const have = inspectLibrary(folder);
  const nvidia = libraries ? nvidiaFolder(context, packages.nvidia).missing : [];
  try {
    requireSpace(context, STEP, [...(have ? [] : [wanted]), ...nvidia]);
    await withPython(context, STEP, async (python) => {
      if (!have) {
        await fetchFolder(context, STEP, python, wanted, folder, WHEEL);
        const { main } = inspectLibrary(folder);
        const size = megabytes(statSync(main).size);
        context.log.step(STEP, `${wanted.version} is in the user cache (${size})`);
      }
      if (libraries) {
        await fetchNvidia(context, python, packages.nvidia);
      }
    });
  } catch (error) {
    if (error instanceof StepProblem) {
      error.works = WITHOUT_TENSORFLOW;
      error.fix += '; or set LIBTENSORFLOW_DIR to a libtensorflow you have';
    }
    throw error;
  }
}
