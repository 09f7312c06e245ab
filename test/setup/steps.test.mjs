import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contentKey, ensureNativeBuild, writeEsmEntry } from '../../scripts/setup/build.mjs';
import { cacheRoot } from '../../scripts/setup/context.mjs';
import { ensureCuda } from '../../scripts/setup/cuda.mjs';
import { ensurePackages, matchesLockfile } from '../../scripts/setup/packages.mjs';
import { ensureTensorflow, namedLibrary } from '../../scripts/setup/tensorflow.mjs';
import { ensureTfjsNode } from '../../scripts/setup/tfjs-node.mjs';
import { makeMachine, write } from './support.mjs';

const NVCC = (release) => `echo "Cuda compilation tools, release ${release}, V${release}.1"`;

function fakeTensorFlow(folder) {
  write(join(folder, 'libtensorflow_cc.so.2'), 'main');
  write(join(folder, 'libtensorflow_framework.so.2'), 'framework');
  write(join(folder, 'include/tensorflow/c/c_api.h'), '');
  return folder;
}

const explains = (step, why, fix) => (error) => {
  assert.equal(error.name, 'StepProblem');
  assert.equal(error.step, step);
  assert.match(error.why, why);
  assert.match(error.fix, fix);
  assert.match(error.works, /composed ops|on the CPU/);
  return true;
};

test('the cache is where the environment says', () => {
  assert.equal(cacheRoot({ TFJS_CUDA_NORM_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a');
  assert.equal(cacheRoot({ XDG_CACHE_HOME: '/b' }), '/b/tfjs-cuda-norm');
  assert.match(cacheRoot({}), /\/\.cache\/tfjs-cuda-norm$/);
});

test('nvcc: PATH before CUDA_HOME, CUDACXX before both; too old or broken ones are passed over with a word', async (t) => {
  const machine = makeMachine(t, {
    programs: { nvcc: NVCC('12.4'), mine: NVCC('13.0'), old: NVCC('10.2') },
  });
  const { context } = machine;
  assert.equal((await ensureCuda(context)).release, '12.4');
  context.env.CUDACXX = join(machine.folder, 'bin/mine');
  assert.equal((await ensureCuda(context)).from, 'CUDACXX');
  context.env.CUDACXX = join(machine.folder, 'bin/old');
  await assert.rejects(
    ensureCuda(context),
    explains('CUDA compiler', /CUDA 10\.2, expected 11\.8 or newer/, /CUDACXX/),
  );
  context.env.CUDACXX = '/nowhere/nvcc';
  await assert.rejects(
    ensureCuda(context),
    explains('CUDA compiler', /\/nowhere\/nvcc does not run/, /CUDACXX/),
  );
});

test('no nvcc and no Python: which step, why, what to do, what works', async (t) => {
  const { context } = makeMachine(t);
  if (existsSync('/usr/local/cuda/bin/nvcc')) {
    return t.skip('this machine has a CUDA toolkit at /usr/local/cuda');
  }
  await assert.rejects(
    ensureCuda(context, 'yes'),
    explains('CUDA compiler', /no Python with pip/, /python3-pip.*CUDACXX/),
  );
  assert.equal(await ensureCuda(context, 'no'), undefined);
});

test('libtensorflow without Python: LIBTENSORFLOW_DIR is the way out', async (t) => {
  const { context } = makeMachine(t);
  await assert.rejects(
    ensureTensorflow(context),
    explains('libtensorflow', /no Python with pip/, /LIBTENSORFLOW_DIR/),
  );
});

test('libtensorflow offline: the reason is what pip said, and an interrupted run leaves nothing half-made', async (t) => {
  const { context } = makeMachine(t, {
    programs: {
      python3:
        '[ "$1" = -c ] && echo 3 11 && exit 0; [ "$3" = --version ] && echo pip && exit 0; echo "Network is unreachable"; exit 1',
    },
  });
  await assert.rejects(
    ensureTensorflow(context),
    explains('libtensorflow', /Network is unreachable/, /LIBTENSORFLOW_DIR/),
  );
  assert.equal(existsSync(join(context.cache, 'libtensorflow')), false);
});

test('LIBTENSORFLOW_DIR: the folder or its lib/; anything else is explained', (t) => {
  const { context, folder } = makeMachine(t);
  assert.equal(namedLibrary(context), undefined);
  context.env.LIBTENSORFLOW_DIR = fakeTensorFlow(join(folder, 'tf'));
  assert.equal(namedLibrary(context).include, join(folder, 'tf/include'));
  write(join(folder, 'c/lib/libtensorflow.so.2'), '');
  write(join(folder, 'c/lib/libtensorflow_framework.so.2'), '');
  write(join(folder, 'c/include/tensorflow/c/c_api.h'), '');
  context.env.LIBTENSORFLOW_DIR = join(folder, 'c');
  assert.equal(namedLibrary(context).include, join(folder, 'c/include'));
  context.env.LIBTENSORFLOW_DIR = folder;
  assert.throws(
    () => namedLibrary(context),
    explains('libtensorflow', /expected a folder with libtensorflow_cc\.so\.2/, /unset it/),
  );
});

test('a tfjs-node that is not installed is no error; without a compiler its binding is explained', async (t) => {
  const { context, folder } = makeMachine(t);
  assert.equal(await ensureTfjsNode(context, '@tensorflow/none'), undefined);
  const tfjsNode = join(folder, 'node_modules/fake-tfjs-node');
  write(
    join(tfjsNode, 'package.json'),
    JSON.stringify({
      name: 'fake-tfjs-node',
      version: '4.22.0',
      binary: {
        module_name: 'b',
        module_path: './lib/napi-v{napi_build_version}',
        napi_versions: [3, 8],
      },
    }),
  );
  write(join(tfjsNode, 'binding/b.cc'), '');
  write(join(folder, 'node_modules/node-api-headers/package.json'), '{"version": "1.0.0"}');
  context.env.LIBTENSORFLOW_DIR = fakeTensorFlow(join(folder, 'tf'));
  await assert.rejects(
    ensureTfjsNode(context, 'fake-tfjs-node'),
    explains('tfjs-node', /no C\+\+ compiler/, /build-essential/),
  );
});

test('native build without CMake, make or compiler names all that is missing', async (t) => {
  const { context } = makeMachine(t);
  await assert.rejects(
    ensureNativeBuild(context, undefined, undefined),
    explains('native build', /cmake, make, a C\+\+ compiler/, /build-essential cmake/),
  );
});

test('native build: a library that is gone is built again, one that the build does not make is a problem', async (t) => {
  const files = ['tfjs_cuda_norm.node', 'libtfjs_cuda_norm_host.so'];
  const { context, folder } = makeMachine(t, {
    programs: {
      cmake: `echo ran >> "$HOME/runs"; [ "$1" = --build ] || exit 0
        mkdir -p build/Release; for file in $MAKES; do echo > "build/Release/$file"; done`,
      make: '',
      'c++': '',
    },
    env: { MAKES: files.join(' ') },
  });
  const runs = () => readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length;
  const built = (file) => join(folder, 'build/Release', file);
  const build = () => ensureNativeBuild(context, undefined, undefined);
  await build();
  await build();
  assert.equal(runs(), 2, 'configured and built once');
  const emulated = 'libtfjs_cuda_norm_emulated.so';
  context.checkout = true;
  await assert.rejects(
    build(),
    explains('native build', /without libtfjs_cuda_norm_emulated/, /remove/),
  );
  context.env.MAKES = [...files, emulated].join(' ');
  await build();
  for (const file of [...files, emulated]) {
    const before = runs();
    rmSync(built(file));
    await build();
    assert.ok(existsSync(built(file)), file);
    assert.equal(runs(), before + 2);
  }
  const stream = { include: folder, version: '2.0.0' };
  await assert.rejects(
    ensureNativeBuild(context, { nvcc: 'nvcc', release: '13.0' }, stream),
    explains(
      'native build',
      /without libtfjs_cuda_norm\.so, libtfjs_cuda_norm_stream\.so/,
      /remove/,
    ),
  );
});

test('packages: installed once, and again where a package is gone', async (t) => {
  const lock = '{"packages": {"": {}, "node_modules/a": {"version": "1.0.0"}}}';
  const { context, folder } = makeMachine(t, {
    programs: {
      npm: `echo "$@" >> "$HOME/runs"; mkdir -p node_modules/a
        echo > node_modules/a/package.json; cp package-lock.json node_modules/.package-lock.json`,
    },
  });
  const runs = () => readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length;
  write(join(folder, 'package-lock.json'), lock);
  await ensurePackages(context);
  await ensurePackages(context);
  assert.equal(runs(), 1);
  for (const [i, gone] of ['node_modules/a', 'node_modules'].entries()) {
    rmSync(join(folder, gone), { recursive: true });
    await ensurePackages(context);
    assert.ok(existsSync(join(folder, 'node_modules/a/package.json')), gone);
    assert.equal(runs(), 2 + i);
  }
});

test('packages: versions, missing folders and a missing install are told apart', (t) => {
  const { folder } = makeMachine(t);
  const lock = (version) =>
    JSON.stringify({
      packages: {
        '': {},
        'node_modules/a': { version },
        'node_modules/b': { version: '1', optional: true },
      },
    });
  write(join(folder, 'package-lock.json'), lock('1.0.0'));
  assert.equal(matchesLockfile(folder), false);
  write(join(folder, 'node_modules/.package-lock.json'), lock('1.0.0'));
  assert.equal(matchesLockfile(folder), false, 'the folder itself is gone');
  write(join(folder, 'node_modules/a/package.json'), '{}');
  assert.equal(matchesLockfile(folder), true);
  write(join(folder, 'package-lock.json'), lock('1.0.1'));
  assert.equal(matchesLockfile(folder), false);
});

test('content keys follow contents and names, not times', (t) => {
  const { folder } = makeMachine(t);
  write(join(folder, 's/a'), '1');
  const key = contentKey(folder, ['s', 'absent']);
  write(join(folder, 's/a'), '1');
  assert.equal(contentKey(folder, ['s', 'absent']), key);
  write(join(folder, 's/b'), '');
  assert.notEqual(contentKey(folder, ['s', 'absent']), key);
});

test('the ESM entry shares the state of the CommonJS build', async (t) => {
  const { folder } = makeMachine(t);
  write(
    join(folder, 'index.js'),
    `"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.norm = exports.tf = void 0;
exports.tf = { a: 1 };
exports.norm = { b: 2 };
Object.defineProperty(exports, "extra", { enumerable: true, get: function () { return 3; } });
`,
  );
  writeEsmEntry(folder);
  const module = await import(join(folder, 'index.mjs'));
  assert.deepEqual(Object.keys(module).sort(), ['extra', 'norm', 'tf']);
  assert.deepEqual([module.tf, module.norm, module.extra], [{ a: 1 }, { b: 2 }, 3]);
});
