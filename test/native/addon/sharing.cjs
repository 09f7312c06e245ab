// One library under several threads, several copies of the addon, and a profiler's injected tool.
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { addon, folder, groupNorm, inputs, library } = require('./support.cjs');

const child = path.join(__dirname, 'child.cjs');

module.exports = async (test) => {
  await test('three worker threads share the library', async () => {
    const want = groupNorm('host');
    addon.resetCounters();
    const results = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(child, { workerData: folder });
            let message;
            worker.on('message', (m) => {
              message = m;
            });
            worker.on('error', reject);
            worker.on('exit', (code) =>
              code ? reject(new Error(`exit ${code}`)) : resolve(message),
            );
          }),
      ),
    );
    for (const result of results) assert.deepStrictEqual(result, want);
    assert.strictEqual(addon.counters().opCalls, 3 * 51);
    assert.strictEqual(addon.counters().liveBytes, 0);
    assert.deepStrictEqual(groupNorm('host'), want);
  });

  await test('loaded twice in one process', () => {
    const file = require.resolve(path.join(folder, 'tfjs_cuda_norm.node'));
    delete require.cache[file];
    const again = require(file);
    assert.notStrictEqual(again, addon);
    assert.strictEqual(again.run('TfjsGroupNorm', 'host', inputs(), { groups: 3 }).length, 2);
    assert.strictEqual(again.load(library, []).kind, 'emulated');
    assert.strictEqual(groupNorm('host').length, 2);
  });

  const injection = path.join(folder, 'libtfjs_cuda_norm_profile.so');
  // A library with NVTX's code reads this variable; without its header there is none.
  if (readFileSync(library).includes('NVTX_INJECTION64_PATH')) {
    await test('NVTX ranges, by an injected tool', () => {
      const temporary = mkdtempSync(path.join(tmpdir(), 'norm-nvtx-'));
      const ranges = path.join(temporary, 'ranges');
      try {
        execFileSync(process.execPath, [child, folder], {
          env: { ...process.env, NVTX_INJECTION64_PATH: injection, TFJS_CUDA_NORM_PROFILE: ranges },
        });
        const lines = readFileSync(ranges, 'utf8').trim().split('\n');
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line)).map(({ range, calls }) => [range, calls]),
          [
            ['TfjsGroupNorm x[2,5,6]', 1],
            ['TfjsRmsNorm x[4,6]', 1],
          ],
        );
      } finally {
        rmSync(temporary, { recursive: true });
      }
    });
  } else {
    console.log('NVTX ranges: skipped, built without the NVTX header');
  }
};
