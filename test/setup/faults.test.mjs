// What goes wrong while the CUDA build is brought: a message with the fix, an exit code, and nothing half-done.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { allowedCuda, tooOld } from '../../scripts/setup/driver.mjs';
import { H100, makeCudaMachine } from './cuda-machine.mjs';
import { sleep } from './support.mjs';
import { treeOf } from './tfjs-node.mjs';
import { downloads } from './wheels.mjs';

const GPU = { gpu: H100, driver: '580.82.07', tfjsNode: { own: true } };

for (const [title, options, message] of [
  ['no network', { env: { PIP: 'offline' } }, /name resolution[\s\S]*check the connection/],
  ['a wrong hash', { env: { PIP: 'hash' } }, /DO NOT MATCH THE HASHES[\s\S]*pip cache purge/],
  ['a full disk', { env: { PIP: 'full' } }, /No space left on device[\s\S]*make room/],
  [
    'a truncated wheel',
    { env: { PIP: 'truncated' } },
    /is not the wheel that is pinned[\s\S]*run again/,
  ],
  ['no pip', { env: { PIP: 'none' } }, /no Python with pip[\s\S]*apt install python3 python3-pip/],
  ['no room', { freeBytes: 100e6 }, /takes 211 MB .* has 100 MB free[\s\S]*TFJS_CUDA_NORM_CACHE/],
  [
    'a driver too old',
    { driver: '470.82.01', auto: true },
    /470\.82\.01 allows CUDA 11\.4, and 525 or newer[\s\S]*setup --cpu/,
  ],
  [
    'an unknown tfjs-node',
    { version: '3.21.0' },
    /3\.21\.0 is not known[\s\S]*npm install @tensorflow\/tfjs-node@4\.22\.0/,
  ],
  [
    'a cache that cannot be written',
    { cache: '/dev/null/tfjs-cuda-norm' },
    /ENOTDIR[\s\S]*TFJS_CUDA_NORM_CACHE/,
  ],
]) {
  test(`${title}: told with the fix, nothing changed`, async (t) => {
    const { freeBytes, auto, version, cache, ...rest } = options;
    const own = !auto;
    const driver = options.driver ?? GPU.driver;
    const gpu = H100.replace('580.82.07', driver);
    const machine = makeCudaMachine(t, {
      ...GPU,
      ...rest,
      gpu,
      driver,
      tfjsNode: { own, version },
    });
    if (cache) {
      machine.context.env.TFJS_CUDA_NORM_CACHE = cache;
    }
    const before = treeOf(machine.tfjsNode);
    const { code, problems } = await machine.setup(
      auto ? { yes: true } : { cuda: true, yes: true },
      {
        machine: freeBytes ? { freeBytes: () => freeBytes } : {},
      },
    );
    assert.equal(code, 1);
    assert.match(problems, message);
    assert.deepEqual(treeOf(machine.tfjsNode), before);
    const kept = join(machine.context.cache, 'libtensorflow');
    assert.deepEqual(existsSync(kept) ? readdirSync(kept) : [], []);
    // The cause gone, the same command succeeds.
    delete machine.context.env.PIP;
    if (options.env) {
      const next = await machine.setup({ cuda: true, yes: true });
      assert.equal(next.code, 0, next.said);
    }
  });
}

test('a library that does not load is taken back, and what was there works on', async (t) => {
  const machine = makeCudaMachine(t, GPU);
  const { tfjsNode, context } = machine;
  const before = treeOf(tfjsNode);
  context.env.BREAK = 'cuda';
  const { code, problems } = await machine.setup({ cuda: true, yes: true });
  assert.equal(code, 1);
  assert.match(problems, /still does not load/);
  assert.deepEqual(treeOf(tfjsNode), before);
  assert.match((await machine.setup({ check: true })).said, /works on TensorFlow 1\.0-own/);
});

test('drivers and what they allow', () => {
  assert.equal(allowedCuda('470.82.01'), '11.4');
  assert.equal(allowedCuda('525.60.13'), '12.0');
  assert.equal(allowedCuda('581.10'), '13.0');
  assert.equal(allowedCuda('610.3'), '13.0 or newer');
  assert.equal(allowedCuda('390.1'), undefined);
  assert.equal(tooOld('525.60.13', 'tensorflow'), undefined);
  assert.match(tooOld('525.60.13', 'kernels'), /580 or newer/);
  assert.equal(tooOld(undefined, 'tensorflow'), undefined);
});

const CHILD = fileURLToPath(new URL('./setup-child.mjs', import.meta.url));

/** The setup command in a process of its own. */
function startSetup(machine, options) {
  const { root, project, env } = machine.context;
  const { requirements, proc } = machine.machine;
  const child = spawn(
    process.execPath,
    [
      CHILD,
      JSON.stringify({ options, more: { root, project, env, machine: { requirements, proc } } }),
    ],
    { stdio: 'ignore' },
  );
  return { child, code: new Promise((ended) => child.once('exit', ended)) };
}

test('two setups at once: one fetches, both end well', async (t) => {
  const machine = makeCudaMachine(t, { ...GPU, env: { SLOW: '0.2' } });
  const both = [1, 2].map(() => startSetup(machine, { cuda: true, yes: true }));
  assert.deepEqual(await Promise.all(both.map(({ code }) => code)), [0, 0]);
  assert.equal(downloads(machine).length, 5);
  assert.match((await machine.setup({ check: true })).said, /CUDA build\): left as it is/);
});

test('kill -9 at any moment: tfjs-node loads what it loaded, and the next run goes on', async (t) => {
  const machine = makeCudaMachine(t, { ...GPU, env: { SLOW: '0.3' } });
  const before = treeOf(machine.tfjsNode);
  // Long enough to get somewhere; then each is killed a little later than the one before.
  for (const wait of [300, 600, 900, 1200, 1500]) {
    const { child, code } = startSetup(machine, { cuda: true, yes: true });
    await sleep(wait);
    child.kill('SIGKILL');
    await code;
    const check = await machine.setup({ check: true });
    assert.match(check.said, /works on TensorFlow 1\.0-(own|cuda)/, check.said);
  }
  const { code, said } = await machine.setup({ cuda: true, yes: true });
  assert.equal(code, 0, said);
  assert.match((await machine.setup({ check: true })).said, /works on TensorFlow 1\.0-cuda/);
  const libraries = join(machine.context.cache, 'cuda-libraries');
  const [set] = readdirSync(libraries);
  assert.deepEqual(readdirSync(join(libraries, set, 'nvidia')).sort(), [
    'cublas',
    'cuda_nvcc',
    'cuda_runtime',
    'cudnn',
  ]);
  await machine.setup({ undo: true });
  assert.deepEqual(treeOf(machine.tfjsNode), before);
});
