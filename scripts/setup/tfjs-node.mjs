// Makes @tensorflow/tfjs-node loadable: leaves alone what works, else links a libtensorflow and compiles its binding.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findPackage, StepProblem, WITHOUT_TENSORFLOW } from './context.mjs';
import { seconds } from './log.mjs';
import { run, tail, which } from './process.mjs';
import { hash, publishFolder, readJson, withLock, writeJson } from './store.mjs';
import { ensureTensorflow, inspectLibrary, linkLibrary, namedLibrary } from './tensorflow.mjs';

const STEP = 'tfjs-node';
const STAMP = '.tfjs-cuda-norm.json';

// tfjs-node 4.22.0 calls two functions that Node 23 removed from util.
const PROBE = `
const util = require('node:util');
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;
const tf = require(process.argv[1]);
const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).arraySync();
if (JSON.stringify(product) !== '[[17],[39]]') throw new Error('matMul gave ' + JSON.stringify(product));
process.stdout.write('probe:' + JSON.stringify({
  version: tf.backend().binding.TF_Version, gpu: tf.backend().isUsingGpuDevice, backend: tf.getBackend() }));
`;

/** Loads tfjs-node in a child process and multiplies two matrices: `{ works, version, gpu, reason }`. */
export async function probe(context, tfjsNode) {
  const result = await run(process.execPath, ['-e', PROBE, tfjsNode], {
    env: { TF_CPP_MIN_LOG_LEVEL: '2', ...context.env },
    cwd: context.project,
  });
  const facts = /probe:(\{.*\})/.exec(result.stdout)?.[1];
  if (result.code === 0 && facts) {
    return { works: true, ...JSON.parse(facts) };
  }
  const reason = result.signal
    ? `died of ${result.signal}`
    : (/^\w*Error: .*$/m.exec(result.output)?.[0] ?? tail(result.output, 3));
  return { works: false, reason };
}

/** Where tfjs-node's loader (node-pre-gyp) looks for its binding under this Node, and the N-API version of it. */
export function bindingPlace(tfjsNode) {
  const { binary } = readJson(join(tfjsNode, 'package.json'));
  const napi = Math.max(
    ...binary.napi_versions.filter((version) => version <= Number(process.versions.napi)),
  );
  const folder = binary.module_path.replace('{napi_build_version}', napi);
  return { napi, path: join(tfjsNode, folder, `${binary.module_name}.node`) };
}

// What the loaded result depends on; when none of it changed, a run that worked works again.
function stateKey(context, tfjsNode) {
  const library = inspectLibrary(join(tfjsNode, 'deps'));
  const binding = bindingPlace(tfjsNode).path;
  if (!library || !existsSync(binding)) {
    return undefined;
  }
  const { size, mtimeMs } = statSync(binding);
  return hash(
    library.key,
    size,
    mtimeMs,
    context.env.LIBTENSORFLOW_DIR ?? '',
    process.versions.modules,
    process.arch,
  );
}

/** The step. Returns `{ path, library, include, version }`, or undefined where no tfjs-node is installed. */
export async function ensureTfjsNode(context, name = '@tensorflow/tfjs-node') {
  const tfjsNode = findPackage(context, name);
  if (!tfjsNode) {
    return undefined;
  }
  const work = () => ensureLoadable(context, name, tfjsNode);
  const wait = ({ pid }) =>
    context.log.step(STEP, `another setup (process ${pid}) works on it; waiting`);
  return withLock(context.cache, `tfjs-node-${hash(realpathSync(tfjsNode))}`, work, wait);
}

async function ensureLoadable(context, name, tfjsNode) {
  const stampPath = join(tfjsNode, 'lib', STAMP);
  const answer = (version) => {
    const library = inspectLibrary(join(tfjsNode, 'deps'));
    return { name, path: tfjsNode, library: library?.main, include: library?.include, version };
  };
  const stamp = readJson(stampPath);
  if (stamp && stamp.key === stateKey(context, tfjsNode)) {
    return answer(stamp.version);
  }
  const remember = (version) => {
    writeJson(stampPath, { key: stateKey(context, tfjsNode), version });
    return answer(version);
  };
  const named = namedLibrary(context);
  const present = inspectLibrary(join(tfjsNode, 'deps'));
  if (present && (!named || named.key === present.key) && existsSync(bindingPlace(tfjsNode).path)) {
    const found = await probe(context, tfjsNode);
    if (found.works) {
      context.log.step(STEP, `works as it is, on TensorFlow ${found.version}`);
      return remember(found.version);
    }
    context.log.step(STEP, `does not load (${found.reason})`);
  }
  const library = named ?? (await ensureTensorflow(context));
  linkLibrary(tfjsNode, library);
  await installBinding(context, tfjsNode, library);
  const made = await probe(context, tfjsNode);
  if (!made.works) {
    throw new StepProblem(STEP, {
      why: `${name} was given ${library.source} and a fresh binding, and still does not load: ${made.reason}`,
      fix: `run "npx tfjs-cuda-norm doctor"; another TensorFlow can be named with LIBTENSORFLOW_DIR`,
      works: WITHOUT_TENSORFLOW,
    });
  }
  context.log.step(STEP, `loads TensorFlow ${made.version} from ${library.source}`);
  return remember(made.version);
}

async function installBinding(context, tfjsNode, library) {
  const { napi, path } = bindingPlace(tfjsNode);
  const sources = join(tfjsNode, 'binding');
  const files = readdirSync(sources).sort();
  const headers = dirname(
    createRequire(join(context.root, 'package.json')).resolve('node-api-headers/package.json'),
  );
  const key = hash(
    ...files.map((file) => readFileSync(join(sources, file))),
    library.key,
    napi,
    readJson(join(headers, 'package.json')).version,
    process.arch,
  );
  const folder = join(context.cache, 'bindings', key);
  const kept = join(folder, 'tfjs_binding.node');
  if (!existsSync(kept)) {
    await withLock(context.cache, `binding-${key}`, () =>
      existsSync(kept)
        ? undefined
        : publishFolder(folder, (draft) =>
            compile(context, tfjsNode, library, napi, headers, draft),
          ),
    );
  }
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  copyFileSync(kept, draft);
  rmSync(path, { force: true });
  renameSync(draft, path);
}

async function compile(context, tfjsNode, library, napi, headers, draft) {
  const compiler = [context.env.CXX, 'c++', 'g++', 'clang++']
    .filter(Boolean)
    .find((name) => which(name, context.env));
  if (!compiler) {
    throw new StepProblem(STEP, {
      why: 'its binding must be compiled, and there is no C++ compiler (looked for CXX, c++, g++, clang++)',
      fix: 'install one (Debian, Ubuntu: apt install build-essential), then run again',
      works: "the composed ops on tfjs's plain cpu backend",
    });
  }
  if (!library.include) {
    throw new StepProblem(STEP, {
      why: `its binding must be compiled, and ${library.main} has no include/ folder with tensorflow/c/c_api.h beside it`,
      fix: 'point LIBTENSORFLOW_DIR at a TensorFlow with its headers (the tensorflow folder of a Python environment has them)',
      works: WITHOUT_TENSORFLOW,
    });
  }
  context.log.step(STEP, 'compiling its binding (about 15 s)');
  const started = Date.now();
  const binding = join(tfjsNode, 'binding');
  const sources = readdirSync(binding)
    .filter((file) => file.endsWith('.cc'))
    .map((file) => join(binding, file));
  const result = await run(
    compiler,
    [
      '-shared',
      '-fPIC',
      '-std=c++17',
      '-O2',
      '-w',
      `-DNAPI_VERSION=${napi}`,
      `-I${tfjsNode}`,
      `-I${library.include}`,
      `-I${join(headers, 'include')}`,
      ...sources,
      '-o',
      join(draft, 'tfjs_binding.node'),
      `-L${join(tfjsNode, 'deps/lib')}`,
      '-ltensorflow',
      '-ltensorflow_framework',
      '-Wl,-rpath,$ORIGIN/../../deps/lib',
    ],
    { env: context.env },
  );
  if (result.code !== 0) {
    throw new StepProblem(STEP, {
      why: `${compiler} could not compile its binding against ${library.include}:\n${tail(result.output, 8)}`,
      fix: 'a C++17 compiler (g++ 9 or newer) and matching headers are needed; CXX names another compiler',
      works: WITHOUT_TENSORFLOW,
    });
  }
  context.log.step(STEP, `binding compiled in ${seconds(Date.now() - started)}`);
}
