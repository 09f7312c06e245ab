// What there is on this machine, each fact with the reason where something is missing. Nothing here loads native code
// into this process: what may crash is tried in a child.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { arch, availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import util from 'node:util';
import { findPackage, libraryFolder } from '../setup/context.mjs';
import { nvccCandidates, nvccRelease } from '../setup/cuda.mjs';
import { driverFacts } from '../setup/driver.mjs';
import { bindingPlace, probe } from '../setup/probe.mjs';
import { run, tail } from '../setup/process.mjs';
import { readJson } from '../setup/store.mjs';
import { isStreamFor, STREAM_LIBRARY } from '../setup/stream.mjs';
import { inspectLibrary, isCudaBuild } from '../setup/tensorflow.mjs';

const firstLine = (path, pattern) => {
  try {
    return pattern.exec(readFileSync(path, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
};

export function platformFacts() {
  const header = process.report?.getReport?.().header ?? {};
  return {
    system: firstLine('/etc/os-release', /^PRETTY_NAME="?([^"\n]*)/m) ?? process.platform,
    kernel: release(),
    architecture: arch(),
    libc: header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'not glibc (musl?)',
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: availableParallelism(),
  };
}

export const nodeFacts = () => ({
  version: process.versions.node,
  napi: Number(process.versions.napi),
  // tfjs-node 4.22.0 calls two functions of util that Node 23 removed; the package puts them back.
  utilShim:
    util.isNullOrUndefined === undefined || util.isArray === undefined
      ? 'needed, applied'
      : 'not needed',
});

/** tfjs-node and the libtensorflow under it: where, which version, whether it loads and why not. */
export async function tensorflowFacts(context) {
  const name = ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'].find((wanted) =>
    findPackage(context, wanted),
  );
  if (!name) {
    return {
      tfjsNode: {
        works: false,
        reason: `@tensorflow/tfjs-node is not installed in ${context.project}`,
      },
      libtensorflow: {},
    };
  }
  const path = findPackage(context, name);
  const library = inspectLibrary(join(path, 'deps'));
  const binding = bindingPlace(path);
  const found = await probe(context, path);
  return {
    tfjsNode: {
      name,
      version: readJson(join(path, 'package.json')).version,
      path,
      binding: existsSync(binding.path) ? binding.path : undefined,
      works: found.works,
      gpu: found.gpu ?? false,
      reason: found.works ? '' : explain(found.reason, library, path),
    },
    libtensorflow: library
      ? {
          version: found.version,
          path: library.main,
          linkedFrom: join(path, 'deps/lib'),
          cuda: isCudaBuild(realpathSync(library.framework)),
          framework: library.framework,
          nvidia: library.nvidia,
        }
      : { reason: `there is none in ${join(path, 'deps/lib')}` },
  };
}

function explain(reason, library, path) {
  return library
    ? reason
    : `there is no libtensorflow in ${join(path, 'deps/lib')} (loading it says: ${reason})`;
}

export async function gpuFacts(context) {
  const { version, ...facts } = await driverFacts(context);
  return { driver: version, ...facts };
}

export async function compilerFacts(context) {
  for (const { path, from } of nvccCandidates(context.env)) {
    const found = await nvccRelease(path, context.env);
    if (Array.isArray(found)) {
      return { nvcc: path, release: found.join('.'), from };
    }
  }
  const kept = join(context.cache, 'cuda');
  const toolkit = existsSync(kept)
    ? readdirSync(kept)
        .map((entry) => join(kept, entry, 'nvidia/cu13/bin/nvcc'))
        .find((path) => existsSync(path))
    : undefined;
  return toolkit
    ? { nvcc: toolkit, release: '13.0', from: 'user cache' }
    : { reason: 'no nvcc (setup brings one)' };
}

const LIBRARIES = {
  cuda: 'libtfjs_cuda_norm.so',
  host: 'libtfjs_cuda_norm_host.so',
  emulated: 'libtfjs_cuda_norm_emulated.so',
};

const LOAD = `
const addon = require(process.argv[1]);
const description = addon.load(process.argv[2], []);
process.stdout.write('loaded:' + JSON.stringify({
  version: description.version, architectures: description.architectures, ops: description.ops.length, devices: addon.devices() }));
`;

/** Every op library that could be used, each loaded in a child process: what it holds, or why it does not load.
 * `version`: TensorFlow's, which the stream library must be of. */
export async function libraryFacts(context, version) {
  const folder = libraryFolder(context.env, context.root);
  const addon = join(folder, 'tfjs_cuda_norm.node');
  const candidates = [];
  for (const [kind, file] of Object.entries(LIBRARIES)) {
    const path = join(folder, file);
    const candidate = { kind, path, loads: false, reason: '' };
    candidates.push(candidate);
    if (!existsSync(path)) {
      candidate.reason = 'not built';
    } else if (!existsSync(addon)) {
      candidate.reason = `the addon ${addon} is not built`;
    } else {
      const result = await run(process.execPath, ['-e', LOAD, addon, path], { env: context.env });
      const facts = /loaded:(\{.*\})/.exec(result.stdout)?.[1];
      if (result.code === 0 && facts) {
        Object.assign(candidate, { loads: true, ...JSON.parse(facts) });
      } else {
        candidate.reason = result.signal
          ? `loading it died of ${result.signal}`
          : (/^\w*Error: .*$/m.exec(result.output)?.[0] ?? tail(result.output, 1));
      }
    }
  }
  const stream = join(folder, STREAM_LIBRARY);
  return {
    folder,
    addon: existsSync(addon) ? addon : undefined,
    stream: existsSync(stream) ? stream : undefined,
    streamFits: version !== undefined && isStreamFor(stream, version),
    candidates,
  };
}
