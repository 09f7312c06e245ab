// The library that hands our kernels the CUDA stream of TensorFlow's GPU: tied to a TensorFlow version, so that of the
// pinned one comes built, and another version's is compiled from the headers that every TensorFlow wheel has.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { contentKey } from './build.mjs';
import { requireCxx } from './compiler.mjs';
import { StepProblem } from './context.mjs';
import { run, tail } from './process.mjs';
import { hash, publishFolder, withLock } from './store.mjs';

const STEP = 'stream library';
export const STREAM_LIBRARY = 'libtfjs_cuda_norm_stream.so';
const WORKS = "everything on TensorFlow's CPU; on its GPU the ops of this package refuse to run";

/** Whether a stream library is there and was built for this TensorFlow; its version is one of its strings. */
export const isStreamFor = (path, version) =>
  existsSync(path) && readFileSync(path).includes(`\0${version}\0`);

/** The step: `folder` holds the stream library of this TensorFlow (`{ version, include }`) when it is done. */
export async function ensureStream(context, { version, include }, folder) {
  const place = join(folder, STREAM_LIBRARY);
  if (isStreamFor(place, version)) {
    return place;
  }
  const built = await buildStream(context, { version, include });
  mkdirSync(folder, { recursive: true });
  const draft = `${place}.${process.pid}`;
  copyFileSync(built, draft);
  renameSync(draft, place);
  context.log.step(STEP, `${place} is that of TensorFlow ${version}`);
  return place;
}

/** Compiles it into the user cache, where it is not there yet, and returns its path. */
export async function buildStream(context, { version, include }) {
  const sources = contentKey(context.root, [
    'native/tensorflow/stream.cc',
    'native/tensorflow/stream_abi.h',
  ]);
  const folder = join(
    context.cache,
    'streams',
    `${version}-${hash(sources, include ?? '', process.arch)}`,
  );
  const path = join(folder, STREAM_LIBRARY);
  await withLock(context.cache, 'streams', async () => {
    if (!existsSync(path)) {
      await publishFolder(folder, (draft) => compile(context, version, include, draft));
    }
  });
  return path;
}

async function compile(context, version, include, draft) {
  if (!include || !existsSync(join(include, 'tensorflow/core/framework/op_kernel.h'))) {
    throw new StepProblem(STEP, {
      why: `it must be compiled for TensorFlow ${version}, whose headers are not there (${include ?? 'no include folder'})`,
      fix: 'set LIBTENSORFLOW_DIR to the tensorflow folder of a Python environment, which has them, and run again',
      works: WORKS,
    });
  }
  const what = `it must be compiled for TensorFlow ${version}`;
  const compiler = requireCxx(context, STEP, what, WORKS);
  context.log.step(STEP, `compiling it for TensorFlow ${version} (about 10 s)`);
  const result = await run(
    compiler,
    [
      '-shared',
      '-fPIC',
      '-std=c++17',
      // Only optimised code has every TensorFlow member inlined.
      '-O2',
      '-DNDEBUG',
      '-D_GLIBCXX_USE_CXX11_ABI=1',
      '-DEIGEN_MAX_ALIGN_BYTES=64',
      `-DNORM_TENSORFLOW_VERSION="${version}"`,
      `-I${join(context.root, 'native')}`,
      '-isystem',
      include,
      join(context.root, 'native/tensorflow/stream.cc'),
      '-o',
      join(draft, STREAM_LIBRARY),
      '-Wl,-z,nodelete',
      '-Wl,--no-undefined',
    ],
    { env: context.env },
  );
  if (result.code !== 0) {
    throw new StepProblem(STEP, {
      why: `${compiler} could not compile it against ${include}:\n${tail(result.output, 8)}`,
      fix: 'a C++17 compiler (g++ 9 or newer) and headers of that TensorFlow are needed; CXX names another compiler',
      works: WORKS,
    });
  }
}
