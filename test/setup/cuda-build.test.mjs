// setup on a machine with a GPU, without one, and with a Python environment that has TensorFlow already.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { H100, makeCudaMachine } from './cuda-machine.mjs';
import { write } from './support.mjs';
import { treeOf } from './tfjs-node.mjs';
import { downloads } from './wheels.mjs';

const GPU = { gpu: H100, driver: '580.82.07' };
const ALL = [
  'tensorflow',
  'nvidia-cublas-cu12',
  'nvidia-cuda-runtime-cu12',
  'nvidia-cudnn-cu12',
  'nvidia-cuda-nvcc-cu12',
];

test('a GPU, nobody to ask: the size is said, the way to go on, and nothing is changed', async (t) => {
  const machine = makeCudaMachine(t, GPU);
  const before = treeOf(machine.tfjsNode);
  const { code, said } = await machine.setup();
  assert.equal(code, 1);
  assert.match(said, /5 MB to fetch with pip, 11 MB on disk/);
  assert.match(said, /--yes was not given/);
  assert.deepEqual(treeOf(machine.tfjsNode), before);
  assert.deepEqual(downloads(machine), []);
  assert.equal(existsSync(join(machine.folder, 'build')), false);
  const no = await machine.setup({}, { ask: async () => false });
  assert.deepEqual([no.code, downloads(machine)], [1, []]);
  assert.match(no.said, /as you said/);
});

test('--check tells the same and changes nothing, the cache neither', async (t) => {
  const machine = makeCudaMachine(t, GPU);
  const before = treeOf(machine.folder);
  const { code, said } = await machine.setup({ check: true, yes: true });
  assert.equal(code, 1);
  assert.match(said, /would link TensorFlow's CUDA build from PyPI: 5 MB to fetch/);
  assert.deepEqual(treeOf(machine.folder), before);
});

test('yes: everything once, linked with its CUDA libraries; then it is in place; --undo brings all back', async (t) => {
  const machine = makeCudaMachine(t, { ...GPU, tfjsNode: { own: true } });
  const before = treeOf(machine.tfjsNode);
  const asked = [];
  const first = await machine.setup(
    { cuda: true },
    { ask: async (question) => asked.push(question) > 0 },
  );
  assert.equal(first.code, 0, first.said);
  assert.equal(asked.length, 1);
  assert.deepEqual(downloads(machine), ALL);
  assert.match(
    first.said,
    /loads TensorFlow 1\.0-cuda from the wheel tensorflow 1\.0 \(CUDA build/,
  );
  assert.ok(existsSync(join(machine.tfjsNode, 'deps/nvidia/cudnn/lib/libcudnn.so.12')));
  assert.match((await machine.setup({ check: true })).said, /CUDA build\): left as it is/);
  const again = await machine.setup({ cuda: true });
  assert.deepEqual([again.code, downloads(machine).length], [0, ALL.length]);
  const undone = await machine.setup({ undo: true });
  assert.deepEqual([undone.code, treeOf(machine.tfjsNode)], [0, before]);
  assert.match((await machine.setup({ undo: true })).said, /was not changed by setup/);
});

test('what works is left alone, and a GPU beside a CPU build is told with what to run', async (t) => {
  const machine = makeCudaMachine(t, { ...GPU, tfjsNode: { own: true } });
  const { code, said } = await machine.setup();
  assert.equal(code, 0);
  assert.match(said, /works as it is, on TensorFlow 1\.0-own/);
  assert.match(
    said,
    /has a GPU \(NVIDIA H100\), and TensorFlow is a CPU build: "npx tfjs-cuda-norm setup --cuda"/,
  );
  assert.deepEqual(downloads(machine), []);
});

test('--cuda without a GPU, then --cpu: each build on its word, from one to the other', async (t) => {
  const machine = makeCudaMachine(t);
  const cuda = await machine.setup({ cuda: true, yes: true });
  assert.equal(cuda.code, 0, cuda.said);
  assert.match(
    cuda.said,
    /no NVIDIA driver on this machine: TensorFlow's CUDA build will use its CPU device/,
  );
  const cpu = await machine.setup({ cpu: true });
  assert.equal(cpu.code, 0, cpu.said);
  assert.match(cpu.said, /loads TensorFlow 1\.0-cpu/);
  assert.equal(existsSync(join(machine.tfjsNode, 'deps/nvidia')), false);
  const both = await machine.setup({ cuda: true, cpu: true });
  assert.equal(both.code, 2);
});

test('a driver that shows no GPU: the CPU build, with the reason', async (t) => {
  const machine = makeCudaMachine(t, { gpu: '', driver: '580.82.07' });
  const { code, said } = await machine.setup();
  assert.equal(code, 0, said);
  assert.match(
    said,
    /shows no GPU here; nvidia-smi says: No devices were found: taking the CPU build/,
  );
  assert.match(said, /--gpus all/);
});

/** A Python environment that says it has this TensorFlow. */
function environment(
  machine,
  {
    version = '1.0',
    parts = ['cublas', 'cuda_nvcc', 'cuda_runtime', 'cudnn'],
    build = 'cuda',
  } = {},
) {
  const site = join(machine.folder, 'venv/lib/site-packages');
  write(join(site, 'tensorflow/libtensorflow_cc.so.2'), `main ${build}`);
  write(
    join(site, 'tensorflow/libtensorflow_framework.so.2'),
    `framework ${build} ${build === 'cuda' ? 'libcudnn.so' : ''}`,
  );
  write(join(site, 'tensorflow/include/tensorflow/c/c_api.h'), '');
  for (const part of parts) {
    write(join(site, `nvidia/${part}/lib/lib${part}.so.12`), '');
  }
  const python = join(machine.folder, 'venv/bin/python');
  const found = JSON.stringify({ folder: join(site, 'tensorflow'), version });
  write(python, `#!/bin/sh\necho 'found:${found}'\n`);
  chmodSync(python, 0o755);
  return { site, python };
}

test('a Python environment that has it is linked, nothing is fetched or asked', async (t) => {
  const machine = makeCudaMachine(t, GPU);
  const { site, python } = environment(machine);
  machine.context.env.VIRTUAL_ENV = join(machine.folder, 'venv');
  const { code, said } = await machine.setup();
  assert.equal(code, 0, said);
  assert.match(said, new RegExp(`from TensorFlow 1.0 of ${python}`));
  assert.equal(
    realpathSync(join(machine.tfjsNode, 'deps/nvidia/cudnn')),
    join(site, 'nvidia/cudnn'),
  );
  assert.deepEqual(downloads(machine), []);
  delete machine.context.env.VIRTUAL_ENV;
  const named = await machine.setup({ python: join(machine.folder, 'venv') });
  assert.equal(named.code, 0, named.said);
  assert.doesNotMatch(named.said, /loads TensorFlow/, 'it is linked already');
});

for (const [title, has, why] of [
  ['another version', { version: '2.16.1' }, /has TensorFlow 2\.16\.1, expected 1\.0/],
  ['a CPU build', { build: 'cpu' }, /is a CPU build/],
  ['no CUDA libraries', { parts: ['cublas'] }, /not in .*nvidia: cuda_runtime, cudnn, cuda_nvcc/],
]) {
  test(`a Python environment with ${title}: passed over with a word, refused where it is named`, async (t) => {
    const machine = makeCudaMachine(t, GPU);
    const { python } = environment(machine, has);
    const named = await machine.setup({ python });
    assert.equal(named.code, 1);
    assert.match(named.said, why);
    assert.equal(treeOf(machine.tfjsNode).deps, undefined);
    assert.equal(existsSync(join(machine.folder, 'build')), false, 'nothing was built either');
    machine.context.env.VIRTUAL_ENV = join(machine.folder, 'venv');
    const found = await machine.setup({ check: true, yes: true });
    assert.match(found.said, /is not taken: /);
    assert.match(found.said, why);
    assert.match(found.said, /5 MB to fetch/);
  });
}

const NESTED = 'node_modules/tfjs-cuda-norm/node_modules/@tensorflow/tfjs-node';
const PNPM = 'node_modules/.pnpm/@tensorflow+tfjs-node@4.22.0/node_modules/@tensorflow/tfjs-node';
for (const [title, tfjsNode, project = ''] of [
  ['hoisted above a workspace', {}, 'packages/app'],
  ['linked, as pnpm does', { at: PNPM, linked: ['node_modules/@tensorflow/tfjs-node'] }],
  [
    'linked from a workspace',
    { at: PNPM, linked: ['packages/app/node_modules/@tensorflow/tfjs-node'] },
    'packages/app',
  ],
  ['in a scope of its own', { name: '@tensorflow/tfjs-node-gpu' }],
]) {
  test(`tfjs-node ${title}`, async (t) => {
    const machine = makeCudaMachine(t, { ...GPU, tfjsNode });
    const at = { project: join(machine.folder, project) };
    write(join(at.project, 'package.json'), '{}');
    const { code, said } = await machine.setup({ yes: true }, at);
    assert.equal(code, 0, said);
    assert.ok(existsSync(join(machine.tfjsNode, 'deps/nvidia/cudnn/lib')));
    await machine.setup({ undo: true }, at);
    assert.equal(existsSync(join(machine.tfjsNode, 'deps')), false);
  });
}

test('tfjs-node nested under the package itself, which is a link', async (t) => {
  const machine = makeCudaMachine(t, { ...GPU, tfjsNode: { at: NESTED } });
  const project = join(machine.folder, 'project');
  write(join(project, 'package.json'), '{}');
  const root = join(machine.folder, 'node_modules/tfjs-cuda-norm');
  write(join(root, 'package.json'), '{}');
  write(join(project, 'node_modules/x'), '');
  symlinkSync(root, join(project, 'node_modules/tfjs-cuda-norm'));
  const { code, said } = await machine.setup({ yes: true }, { project, root });
  assert.equal(code, 0, said);
  assert.ok(existsSync(join(machine.tfjsNode, 'deps/nvidia/cudnn/lib')));
});
