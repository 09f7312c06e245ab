// tfjs-node's N-API binding: the one that the package brings, else one compiled for the library and kept in the user cache.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { requireCxx } from './compiler.mjs';
import { StepProblem, WITHOUT_TENSORFLOW } from './context.mjs';
import { seconds } from './log.mjs';
import { STEP } from './plan.mjs';
import { prebuilt } from './prebuilt.mjs';
import { bindingPlace } from './probe.mjs';
import { run, tail } from './process.mjs';
import { hash, publishFolder, readJson, withLock } from './store.mjs';

// Its error messages name files; not by where they are on the machine that compiled it.
const MACROS = '-fmacro-prefix-map';

const bindingSources = (tfjsNode) => {
  const sources = join(tfjsNode, 'binding');
  return readdirSync(sources)
    .sort()
    .map((file) => readFileSync(join(sources, file)));
};

/** What a binding that the package brings was compiled from. */
export const bindingKey = (tfjsNode) =>
  hash(...bindingSources(tfjsNode), bindingPlace(tfjsNode).napi);

/** A binding for this library, of which `libraries` is the folder of links to compile against. */
export async function bindingFor(context, tfjsNode, library, libraries) {
  const brought = prebuilt(context.root);
  // Its C interface is the same in all of TensorFlow 2, so another version is a matter of trying.
  return brought?.folder && brought.facts.binding === bindingKey(tfjsNode)
    ? join(brought.folder, 'tfjs_binding.node')
    : compiledBinding(context, tfjsNode, library, libraries);
}

/** The same, compiled once and kept in the user cache. */
export async function compiledBinding(context, tfjsNode, library, libraries) {
  const { napi } = bindingPlace(tfjsNode);
  const headers = dirname(
    createRequire(join(context.root, 'package.json')).resolve('node-api-headers/package.json'),
  );
  const key = hash(
    ...bindingSources(tfjsNode),
    library.key,
    napi,
    readJson(join(headers, 'package.json')).version,
    process.arch,
    MACROS,
  );
  const folder = join(context.cache, 'bindings', key);
  const kept = join(folder, 'tfjs_binding.node');
  if (!existsSync(kept)) {
    await withLock(context.cache, `binding-${key}`, () =>
      existsSync(kept)
        ? undefined
        : publishFolder(folder, (draft) =>
            compile(context, tfjsNode, { library, libraries }, napi, headers, draft),
          ),
    );
  }
  return kept;
}

async function compile(context, tfjsNode, { library, libraries }, napi, headers, draft) {
  const compiler = requireCxx(
    context,
    STEP,
    'its binding must be compiled',
    "the composed ops on tfjs's plain cpu backend",
  );
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
      `${MACROS}=${tfjsNode}/=`,
      `-I${tfjsNode}`,
      `-I${library.include}`,
      `-I${join(headers, 'include')}`,
      ...sources,
      '-o',
      join(draft, 'tfjs_binding.node'),
      `-L${libraries}`,
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
