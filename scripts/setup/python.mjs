// Python tools of the tests, in the user cache: a virtual environment with pinned packages, and clang-format.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StepProblem } from './context.mjs';
import { seconds } from './log.mjs';
import { downloadWheel, findPython, machine, readRequirements, unpackWheel } from './pip.mjs';
import { run, tail } from './process.mjs';
import { hash, publishFolder, withLock } from './store.mjs';

const requirementsFile = (name) =>
  fileURLToPath(new URL(`../requirements-${name}.txt`, import.meta.url));
// What requirements-python.txt holds wheels for.
const PYTHONS = { oldest: [3, 11], newest: [3, 13], machine: 'x86_64' };

const before = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

/** Resolves to `{ python }`, the environment's interpreter with TensorFlow; or `{ reason }` where this Python cannot have it. */
export async function ensurePythonEnvironment(context) {
  const step = 'Python environment';
  const found = await findPython(context.env);
  if (typeof found === 'string') {
    return { reason: `no Python with pip: ${found}` };
  }
  if (machine() !== PYTHONS.machine) {
    return {
      reason: `tensorflow-cpu has wheels for ${PYTHONS.machine} only, this is ${machine()}`,
    };
  }
  if (before(found.version, PYTHONS.oldest) || before(PYTHONS.newest, found.version)) {
    return {
      reason: `expected Python ${PYTHONS.oldest.join('.')} to ${PYTHONS.newest.join('.')}, this is ${found.version.join('.')} (PYTHON names another)`,
    };
  }
  const file = requirementsFile('python');
  const folder = join(
    context.cache,
    'python',
    hash(readFileSync(file), found.version, found.python),
  );
  const python = join(folder, 'bin/python');
  await withLock(context.cache, 'python', async () => {
    if (!existsSync(python)) {
      await publishFolder(folder, (draft) => fillEnvironment(context, step, found, file, draft));
    }
  });
  return { python };
}

async function fillEnvironment(context, step, found, file, draft) {
  const started = Date.now();
  context.log.step(step, 'installing TensorFlow for Python (about 330 MB) with pip');
  const ticker = setInterval(
    () => context.log.progress(step, `installing, ${Math.round((Date.now() - started) / 1000)} s`),
    1000,
  );
  // pip stays outside: Debian's venv cannot bring its own without the package python3-venv.
  const site = join(draft, `lib/python${found.version.join('.')}/site-packages`);
  const commands = [
    ['-m', 'venv', '--without-pip', draft],
    [
      '-m',
      'pip',
      'install',
      '--no-deps',
      '--require-hashes',
      '--only-binary=:all:',
      '--progress-bar',
      'off',
      '--disable-pip-version-check',
      '--target',
      site,
      '-r',
      file,
    ],
  ];
  try {
    for (const args of commands) {
      const result = await run(found.python, args, { env: context.env });
      if (result.code !== 0) {
        throw new StepProblem(step, {
          why: `${found.python} ${args.slice(0, 3).join(' ')} failed:\n${tail(result.output, 4)}`,
          fix: 'check the connection and pip, then run again',
          works: 'every test but those of test/python',
        });
      }
    }
  } finally {
    clearInterval(ticker);
    context.log.endProgress();
  }
  context.log.step(step, `installed in ${seconds(Date.now() - started)}`);
}

/** The path of the pinned clang-format, brought into the user cache when it is not there yet. */
export async function ensureClangFormat(context) {
  const step = 'clang-format';
  const file = requirementsFile('tools');
  const wanted = readRequirements(file).find(({ name }) => name === 'clang-format');
  const folder = join(context.cache, 'tools', hash(wanted, machine()));
  const program = join(folder, 'bin/clang-format');
  await withLock(context.cache, 'tools', async () => {
    if (existsSync(program)) {
      return;
    }
    const found = await findPython(context.env);
    if (typeof found === 'string') {
      throw new StepProblem(step, {
        why: `no Python with pip: ${found}`,
        fix: 'install python3 and pip',
        works: 'all but the format check',
      });
    }
    const downloads = join(context.cache, 'downloads/tools');
    const wheel = await downloadWheel(context, step, found.python, wanted, downloads);
    await publishFolder(folder, async (draft) => {
      mkdirSync(join(draft, 'bin'));
      await unpackWheel(context, step, found.python, wheel, draft, 'clang_format/data/', [
        'clang_format/data/bin/',
      ]);
      chmodSync(join(draft, 'bin/clang-format'), 0o755);
    });
    rmSync(downloads, { recursive: true, force: true });
  });
  return program;
}
