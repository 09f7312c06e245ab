// The CUDA compiler: the machine's own nvcc, else NVIDIA's wheels unpacked into the user cache.
import { chmodSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StepProblem } from './context.mjs';
import { hasDriver } from './driver.mjs';
import { downloadWheel, findPython, machine, readRequirements, unpackWheel } from './pip.mjs';
import { isExecutable, run, tail, which } from './process.mjs';
import { hash, publishFolder, withLock } from './store.mjs';

const STEP = 'CUDA compiler';
const WORKS = 'everything on the CPU: the host kernels, and the emulated CUDA kernels of the tests';
const REQUIREMENTS = fileURLToPath(new URL('../requirements-cuda.txt', import.meta.url));
const TOOLKIT = 'nvidia/cu13';
// The oldest release that compiles for sm_90, the newest architecture that we build machine code for.
const OLDEST = [11, 8];

/** Where the machine itself may have nvcc, most explicit first: `{ path, from }`. */
export function nvccCandidates(env) {
  const named = [
    { path: env.CUDACXX, from: 'CUDACXX' },
    { path: which('nvcc', env), from: 'PATH' },
    ...['CUDA_HOME', 'CUDA_PATH'].map((name) => ({
      path: env[name] && join(env[name], 'bin/nvcc'),
      from: name,
    })),
    { path: '/usr/local/cuda/bin/nvcc', from: '/usr/local/cuda' },
  ];
  return named.filter(({ path, from }) => path && (from === 'CUDACXX' || isExecutable(path)));
}

/** `[13, 0]` of an nvcc that runs; a string that says what is wrong with it otherwise. */
export async function nvccRelease(path, env) {
  const result = await run(path, ['--version'], { env });
  const release = /release (\d+)\.(\d+)/.exec(result.stdout);
  if (result.code !== 0 || !release) {
    return `${path} does not run: ${tail(result.output, 1)}`;
  }
  const found = release.slice(1).map(Number);
  return found[0] > OLDEST[0] || (found[0] === OLDEST[0] && found[1] >= OLDEST[1])
    ? found
    : `${path} is CUDA ${found.join('.')}, expected ${OLDEST.join('.')} or newer`;
}

const toolkitFolder = (context) =>
  join(context.cache, 'cuda', hash(readFileSync(REQUIREMENTS), machine()), TOOLKIT);

/**
 * The step. Returns `{ nvcc, release, from }`, or undefined where the build is to do without. `want` is 'yes', 'no', or
 * 'auto': in a checkout always (its tests compile the CUDA sources), in an installed package where there is a driver.
 */
export async function ensureCuda(context, want = 'auto') {
  if (want === 'no') {
    context.log.step(STEP, 'left out as asked; building the host kernels only');
    return undefined;
  }
  for (const { path, from } of nvccCandidates(context.env)) {
    const release = await nvccRelease(path, context.env);
    if (Array.isArray(release)) {
      return { nvcc: path, release: release.join('.'), from };
    }
    if (from === 'CUDACXX') {
      throw new StepProblem(STEP, {
        why: `CUDACXX: ${release}`,
        fix: 'correct CUDACXX, or unset it to use another nvcc',
        works: WORKS,
      });
    }
    context.log.step(STEP, `${release}; looking on`);
  }
  const folder = toolkitFolder(context);
  const nvcc = join(folder, 'bin/nvcc');
  if (!isExecutable(nvcc)) {
    if (want === 'auto' && !context.checkout && !hasDriver(context)) {
      context.log.step(
        STEP,
        'no nvcc and no NVIDIA driver: building the host kernels only (setup --cuda brings the compiler)',
      );
      return undefined;
    }
    await withLock(
      context.cache,
      'cuda',
      () => (isExecutable(nvcc) ? undefined : fetchToolkit(context, folder)),
      ({ pid }) => context.log.step(STEP, `another setup (process ${pid}) is bringing it; waiting`),
    );
  }
  return { nvcc, release: '13.0', from: 'user cache' };
}

async function fetchToolkit(context, folder) {
  const python = await findPython(context.env);
  if (typeof python === 'string') {
    throw new StepProblem(STEP, {
      why: `there is no nvcc; it would come from PyPI, and there is no Python with pip: ${python}`,
      fix: 'install python3 and pip (Debian, Ubuntu: apt install python3 python3-pip), or a CUDA toolkit and set CUDACXX to its nvcc',
      works: WORKS,
    });
  }
  const downloads = join(context.cache, 'downloads/cuda');
  try {
    const wheels = [];
    for (const wanted of readRequirements(REQUIREMENTS)) {
      wheels.push(await downloadWheel(context, STEP, python.python, wanted, downloads));
    }
    context.log.step(STEP, 'unpacking into the user cache');
    await publishFolder(join(folder, '../..'), async (draft) => {
      for (const wheel of wheels) {
        await unpackWheel(context, STEP, python.python, wheel, draft, '', ['nvidia/']);
      }
      finishToolkit(join(draft, TOOLKIT));
    });
    rmSync(downloads, { recursive: true, force: true });
  } catch (error) {
    if (error instanceof StepProblem) {
      error.works = WORKS;
      error.fix += '; or install a CUDA toolkit and set CUDACXX to its nvcc';
    }
    throw error;
  }
  context.log.step(STEP, 'nvcc 13.0 is in the user cache');
}

/** Wheels carry no mode bits and no links: what a toolkit needs of both. */
function finishToolkit(folder) {
  for (const programs of ['bin', 'nvvm/bin']) {
    for (const entry of readdirSync(join(folder, programs), { withFileTypes: true })) {
      if (entry.isFile()) {
        chmodSync(join(folder, programs, entry.name), 0o755);
      }
    }
  }
  symlinkSync('lib', join(folder, 'lib64'));
  symlinkSync('libcudart.so.13', join(folder, 'lib/libcudart.so'));
}
