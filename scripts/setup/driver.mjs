// The NVIDIA driver and the GPUs of this machine, as far as files and nvidia-smi tell; nothing is loaded.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, tail, which } from './process.mjs';

// Under WSL2 the driver is Windows' own: no kernel module, and its tools are not on every PATH.
const WSL = '/usr/lib/wsl/lib';
const PROC = '/proc/driver/nvidia';
const QUERY = ['--query-gpu=name,compute_cap,memory.total,driver_version', '--format=csv,noheader'];

// Driver branches and the newest CUDA each runs.
const BRANCHES = [
  [580, '13.0'],
  [575, '12.9'],
  [570, '12.8'],
  [565, '12.7'],
  [560, '12.6'],
  [555, '12.5'],
  [550, '12.4'],
  [545, '12.3'],
  [535, '12.2'],
  [530, '12.1'],
  [525, '12.0'],
  [520, '11.8'],
  [515, '11.7'],
  [510, '11.6'],
  [495, '11.5'],
  [470, '11.4'],
  [465, '11.3'],
  [460, '11.2'],
  [455, '11.1'],
  [450, '11.0'],
];
/** The oldest branch for TensorFlow's CUDA 12 libraries, and the oldest for kernels that CUDA 13 compiled. */
export const OLDEST_FOR = { tensorflow: 525, kernels: 580 };

const branchOf = (version) => Number.parseInt(version, 10);

/** The CUDA version that a driver allows: '13.0', or newer than we know as '13.0 or newer'; undefined where unknown. */
export function allowedCuda(version) {
  const branch = branchOf(version);
  const known = BRANCHES.find(([first]) => branch >= first)?.[1];
  return branch >= BRANCHES[0][0] + 10 ? `${known} or newer` : known;
}

/** What holds a driver version against what is needed: undefined where it is new enough, or unknown. */
export function tooOld(version, what) {
  const branch = branchOf(version);
  return branch < OLDEST_FOR[what]
    ? `driver ${version} allows CUDA ${allowedCuda(version) ?? 'before 11.0'}, and ${OLDEST_FOR[what]} or newer is needed`
    : undefined;
}

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

function gpusOfProc(proc) {
  const folder = join(proc, 'gpus');
  return (existsSync(folder) ? readdirSync(folder) : []).map((address) => {
    const name = /^Model:\s*(.+)$/m.exec(read(join(folder, address, 'information')))?.[1];
    return { name: name ?? `the GPU at ${address}` };
  });
}

/** True where an NVIDIA driver is installed, whether or not a GPU answers. `context.proc` stands in for it in tests. */
export function hasDriver({ proc } = {}) {
  return proc
    ? existsSync(join(proc, 'version'))
    : [join(PROC, 'version'), '/dev/nvidiactl', join(WSL, 'libcuda.so.1')].some(existsSync);
}

/**
 * `{ found, version, allows, gpus: [{ name, computeCapability, memory }], reason }`; `reason` says why there are no GPUs.
 */
export async function driverFacts(context) {
  const proc = context.proc ?? PROC;
  const version = /Kernel Module[^\d]*([\d.]+)/.exec(read(join(proc, 'version')))?.[1];
  const facts = { found: hasDriver(context), version, gpus: [], reason: '' };
  const smi = which('nvidia-smi', context.env) ?? which(join(WSL, 'nvidia-smi'), context.env);
  if (!facts.found && !smi) {
    return { ...facts, reason: 'no NVIDIA driver on this machine' };
  }
  const query = smi ? await run(smi, QUERY, { env: context.env }) : undefined;
  if (query?.code === 0) {
    for (const line of query.stdout.trim().split('\n').filter(Boolean)) {
      const [name, computeCapability, memory, found] = line.split(', ');
      facts.gpus.push({ name, computeCapability, memory });
      facts.found = true;
      facts.version ??= found;
    }
  } else {
    facts.gpus = gpusOfProc(proc);
  }
  if (facts.gpus.length === 0) {
    const said = query && query.code !== 0 ? `nvidia-smi says: ${tail(query.output, 1)}` : '';
    facts.reason = ['the NVIDIA driver shows no GPU here', said].filter(Boolean).join('; ');
  }
  return { ...facts, allows: facts.version && allowedCuda(facts.version) };
}
