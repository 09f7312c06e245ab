// The native build (build/Release, through cmake-js or plain CMake) and, in a checkout, the TypeScript build (dist/).
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { cxxNames } from './compiler.mjs';
import { StepProblem } from './context.mjs';
import { seconds } from './log.mjs';
import { run, tail, which } from './process.mjs';
import { hash, readJson, withLock, writeJson } from './store.mjs';

const STEP = 'native build';
const COMPOSED = "the composed ops on every tfjs backend, tfjs-node's included where it loads";

/** The modules that package.json exports. */
const ENTRIES = ['index', 'register'];

/** A key over the contents of files and folders. */
export function contentKey(root, paths) {
  const parts = [];
  const visit = (path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const entry of readdirSync(join(root, path)).sort()) {
        visit(join(path, entry));
      }
    } else if (stat) {
      parts.push(path, readFileSync(join(root, path)));
    }
  };
  for (const path of paths) {
    visit(path);
  }
  return hash(...parts);
}

/** The program of cmake-js as the package sees it; undefined where it is not installed. */
export function cmakeJs(root) {
  try {
    return join(
      dirname(createRequire(join(root, 'package.json')).resolve('cmake-js/package.json')),
      'bin/cmake-js',
    );
  } catch {
    return undefined;
  }
}

// CMake keeps what it found in its cache; when one of these changes it must look again from nothing.
const configureKey = (defines, env) => hash(defines, env.CXX ?? '', env.CUDAARCHS ?? '');

/** What a build with these defines leaves in build/Release, test programs aside. */
const products = ({ NORM_CUDA, NORM_TESTS, NORM_TENSORFLOW_INCLUDE }) => [
  'tfjs_cuda_norm.node',
  NORM_CUDA === 'ON' ? 'libtfjs_cuda_norm.so' : 'libtfjs_cuda_norm_host.so',
  ...(NORM_TESTS === 'ON' ? ['libtfjs_cuda_norm_emulated.so'] : []),
  ...(NORM_TENSORFLOW_INCLUDE ? ['libtfjs_cuda_norm_stream.so'] : []),
];

/**
 * The step: builds the op library and the addon where the sources, the compiler or TensorFlow changed. `cuda` and
 * `tensorflow` are what the steps before found; the library that hands us TensorFlow's stream needs its headers.
 */
export async function ensureNativeBuild(context, cuda, tensorflow) {
  const build = join(context.root, 'build');
  const stampPath = join(build, '.tfjs-cuda-norm.json');
  const defines = {
    NORM_CUDA: cuda ? 'ON' : 'OFF',
    NORM_TESTS: context.checkout ? 'ON' : 'OFF',
    NORM_ADDON: 'ON',
    ...(tensorflow?.include
      ? { NORM_TENSORFLOW_INCLUDE: tensorflow.include, NORM_TENSORFLOW_VERSION: tensorflow.version }
      : {}),
  };
  // The headers of one TensorFlow version are the same in each of its builds: where they are is no reason to build.
  const { NORM_TENSORFLOW_INCLUDE: include = '', ...others } = defines;
  const configure = configureKey([others, include !== '', cuda?.nvcc ?? ''], context.env);
  const wanted = {
    configure,
    sources: contentKey(context.root, ['CMakeLists.txt', 'cmake', 'native', 'package.json']),
    root: context.root,
  };
  const missing = () =>
    products(defines).filter((file) => !existsSync(join(build, 'Release', file)));
  const isDone = () => {
    const stamp = readJson(stampPath);
    return (
      stamp &&
      Object.entries(wanted).every(([name, value]) => stamp[name] === value) &&
      missing().length === 0
    );
  };
  if (isDone()) {
    return;
  }
  await withLock(
    context.cache,
    `build-${hash(context.root)}`,
    async () => {
      if (!isDone()) {
        const before = readJson(stampPath);
        if (before?.configure !== configure || before?.root !== context.root) {
          rmSync(build, { recursive: true, force: true });
        }
        mkdirSync(build, { recursive: true });
        if (!existsSync(join(build, 'Makefile')) || before?.include !== include) {
          // Configuring failed, was stopped or is to see other headers; cmake-js takes the cache alone for a configured folder.
          rmSync(join(build, 'CMakeCache.txt'), { force: true });
        }
        // Configured is remembered before the build, so that a run that was stopped goes on where it was.
        writeJson(stampPath, { configure, include, root: context.root });
        await compile(context, cuda, defines, build);
        if (missing().length > 0) {
          throw new StepProblem(STEP, {
            why: `the build ended well but without ${missing().join(', ')} (its output: ${build}/setup.log)`,
            fix: `remove ${build} and run again`,
            works: COMPOSED,
          });
        }
        writeJson(stampPath, { ...wanted, include });
      }
    },
    ({ pid }) => context.log.step(STEP, `another setup (process ${pid}) is building; waiting`),
  );
}

function requireTools(context) {
  const missing = [
    ['cmake', ['cmake']],
    ['make', ['make', 'gmake']],
    ['a C++ compiler', cxxNames(context.env)],
  ].filter(([, programs]) => !programs.some((program) => which(program, context.env)));
  if (missing.length > 0) {
    throw new StepProblem(STEP, {
      why: `not on PATH: ${missing.map(([name]) => name).join(', ')}`,
      fix: 'install them (Debian, Ubuntu: apt install build-essential cmake), then run again',
      works: COMPOSED,
    });
  }
}

async function compile(context, cuda, defines, build) {
  requireTools(context);
  const started = Date.now();
  const what = cuda
    ? `CUDA ${cuda.release} and host kernels`
    : 'host kernels only, no CUDA code: no nvcc';
  context.log.step(STEP, `compiling (${what})`);
  const env = { ...context.env, ...(cuda ? { CUDACXX: cuda.nvcc } : {}) };
  const jobs = String(availableParallelism());
  const tool = cmakeJs(context.root);
  const pairs = Object.entries(defines);
  const commands = tool
    ? [
        [
          process.execPath,
          [
            tool,
            'build',
            '-G',
            'Unix Makefiles',
            '--parallel',
            jobs,
            ...pairs.map(([name, value]) => `--CD${name}=${value}`),
          ],
        ],
      ]
    : [
        [
          'cmake',
          [
            '-S',
            context.root,
            '-B',
            build,
            '-G',
            'Unix Makefiles',
            '-DCMAKE_BUILD_TYPE=Release',
            ...pairs.map(([name, value]) => `-D${name}=${value}`),
          ],
        ],
        ['cmake', ['--build', build, '--parallel', jobs]],
      ];
  const log = join(build, 'setup.log');
  let output = '';
  for (const [command, args] of commands) {
    const result = await run(command, args, {
      cwd: context.root,
      env,
      onLine: (line) => {
        const at = /^\[\s*(\d+%)\]\s+(Building|Linking).*?([\w.]+)$/.exec(line);
        if (at) {
          context.log.progress(STEP, `${at[1]} ${at[3]}`);
        }
      },
    });
    output += result.output;
    context.log.endProgress();
    writeFileSync(log, output);
    if (result.code !== 0) {
      throw new StepProblem(STEP, {
        why: `the compiler failed (all of its output: ${log}):\n${firstErrors(output)}`,
        fix: `read the log; a clean build starts after removing ${build}. CXX and CUDACXX name other compilers`,
        works: COMPOSED,
      });
    }
  }
  context.log.step(STEP, `done in ${seconds(Date.now() - started)}`);
}

/** The first error with the lines after it, which say what it was. */
function firstErrors(output) {
  const lines = output.split('\n').filter((line) => line.trim());
  const at = lines.findIndex((line) => /\berror:|CMake Error|\*\*\*/.test(line));
  return at >= 0 ? lines.slice(at, at + 6).join('\n') : tail(output, 6);
}

/** The step: tsc into dist/ and the ESM entry over it, where a source or the compiler changed. */
export async function ensureDist(context) {
  const step = 'TypeScript build';
  const dist = join(context.root, 'dist');
  const stampPath = join(dist, '.tfjs-cuda-norm.json');
  const key = contentKey(context.root, [
    'src',
    'tsconfig.json',
    'package.json',
    'node_modules/typescript/package.json',
  ]);
  const done = () =>
    readJson(stampPath)?.key === key &&
    ENTRIES.every((entry) => existsSync(join(dist, `${entry}.mjs`)));
  if (done()) {
    return;
  }
  await withLock(context.cache, `dist-${hash(context.root)}`, async () => {
    if (done()) {
      return;
    }
    const started = Date.now();
    rmSync(dist, { recursive: true, force: true });
    const tsc = join(context.root, 'node_modules/typescript/bin/tsc');
    const result = await run(process.execPath, [tsc, '-p', 'tsconfig.json'], {
      cwd: context.root,
      env: context.env,
    });
    if (result.code !== 0) {
      throw new StepProblem(step, {
        why: `tsc failed:\n${result.output.trim().split('\n').slice(0, 8).join('\n')}`,
        fix: 'correct the sources under src/',
        works: 'the native build and its own tests (ctest)',
      });
    }
    for (const entry of ENTRIES) {
      writeEsmEntry(dist, entry);
    }
    writeJson(stampPath, { key });
    context.log.step(step, `dist/ made in ${seconds(Date.now() - started)}`);
  });
}

/** What `import` finds: an .mjs over the CommonJS build, so that both kinds of import share one state. */
export function writeEsmEntry(dist, entry = 'index') {
  const text = readFileSync(join(dist, `${entry}.js`), 'utf8');
  const found = text.matchAll(
    /^\s*(?:exports\.(\w+) =|Object\.defineProperty\(exports, "(\w+)")/gm,
  );
  const names = [...new Set([...found].map((match) => match[1] ?? match[2]))]
    .filter((name) => name !== '__esModule')
    .sort();
  const lines = names.map((name) =>
    name === 'default'
      ? 'export default library.default;'
      : `export const ${name} = library.${name};`,
  );
  const esm = `import library from './${entry}.js';\n\n${lines.join('\n')}\n`;
  writeFileSync(join(dist, `${entry}.mjs`), esm);
  // A default import of a CommonJS module means different things to Node and to bundlers; a named one does not.
  const types = names.includes('default')
    ? `import { norm } from './${entry}.js';\n\nexport * from './${entry}.js';\nexport default norm;\n`
    : `export * from './${entry}.js';\n`;
  writeFileSync(join(dist, `${entry}.d.mts`), types);
}
