/** Load order, worker threads, and missing pieces: each in a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asked, native } from '../support/askedDevice';
import { expectScript, runScript } from '../support/child';

interface Report {
  device: { device: string; reason: string };
  y: number[];
  calls: number;
}

interface WorkerReport {
  device: string;
  y: number[];
}

const USE = `
  const x = tf.tensor([1, 2, 3, 4], [1, 4]);
  const y = norm.ops.layerNorm(x, { epsilon: 1e-3 });
  report({ device: norm.device(), backend: tf.getBackend(), y: Array.from(y.dataSync()), calls: norm.counters().opCalls });
`;
const WANT = [-1.3411044, -0.4470348, 0.4470348, 1.3411044];

function expectWorks(report: Report, device = asked): void {
  expect(report.device.device).toBe(device);
  for (const [i, value] of report.y.entries()) expect(value).toBeCloseTo(WANT[i]!, 5);
  expect(report.calls > 0).toBe(device !== 'composed');
}

describe('load order', () => {
  test('tfjs-node required before the package', () => {
    expectWorks(
      expectScript<Report>(`
        const first = require('@tensorflow/tfjs-node');
        first.ones([2]).dispose();
        const { tf, norm } = require(source);
        if (tf.add !== first.add) throw new Error('the package brings another tfjs');
        ${USE}`),
    );
  });

  test('tfjs-node required after the package', () => {
    expectWorks(
      expectScript<Report>(`
        const { tf, norm } = require(source);
        const second = require('@tensorflow/tfjs-node');
        if (tf.add !== second.add) throw new Error('the package brings another tfjs');
        ${USE}`),
    );
  });

  test('the package loaded twice in one process', () => {
    expectWorks(
      expectScript<Report>(`
        require(source);
        for (const key of Object.keys(require.cache)) if (key.startsWith(source)) delete require.cache[key];
        const { tf, norm } = require(source);
        ${USE}`),
    );
  });

  test('importing it and using nothing changes no result and prints nothing of ours', () => {
    const { status, stdout, stderr } = runScript(`
      const { tf } = require(source);
      const y = tf.layers.batchNormalization().apply(tf.ones([2, 3]));
      if (y.shape.join() !== '2,3') throw new Error('shape');`);
    expect(status).toBe(0);
    expect(stdout + stderr).not.toMatch(/tfjs-cuda-norm|overwrit/i);
  });
});

describe('worker threads', () => {
  const WORKERS = `
    const { Worker } = require('node:worker_threads');
    const file = require('node:path').join(source, '..', 'test', 'support', 'worker.cjs');
    const run = (workerData) => new Promise((done, fail) => {
      const worker = new Worker(file, { workerData });
      let message;
      worker.on('message', (m) => { message = m; });
      worker.on('error', fail);
      worker.on('exit', (code) => (code ? fail(new Error('worker ended with ' + code)) : done(message)));
    });
  `;
  const expectResults = (results: WorkerReport[]) => {
    for (const { device, y } of results) {
      expect(device).toBe(asked);
      expect(y[0]).toBeLessThan(0);
      expect(y.reduce((a, b) => a + b)).toBeCloseTo(0, 5);
    }
  };

  test('three at once', () => {
    const results = expectScript<WorkerReport[]>(`${WORKERS}
      report(await Promise.all([4, 5, 6].map((value) => run({ calls: 50, value }))));`);
    expect(results).toHaveLength(3);
    expectResults(results);
  });

  test('one after the other, beside the main thread', () => {
    const results = expectScript<WorkerReport[]>(`${WORKERS}
      const { tf, norm } = require(source);
      const x = tf.ones([2, 4]);
      const results = [];
      for (let i = 0; i < 4; i++) {
        results.push(await run({ calls: 5, value: i + 4 }));
        norm.ops.layerNorm(x).dispose();
      }
      report(results);`);
    expect(results).toHaveLength(4);
    expectResults(results);
  });

  test('terminated in the middle of their calls', () => {
    const report = expectScript<Report>(`
      const { Worker } = require('node:worker_threads');
      const file = require('node:path').join(source, '..', 'test', 'support', 'worker.cjs');
      const { tf, norm } = require(source);
      for (let i = 0; i < 2; i++) {
        const worker = new Worker(file, { workerData: { calls: 1e9, value: 4 } });
        await new Promise((done) => setTimeout(done, 2500));
        await worker.terminate();
      }
      ${USE}`);
    expectWorks(report);
  });
});

const describeNative = native ? describe : describe.skip;

describeNative('missing pieces', () => {
  test.each([
    ['no library in the folder', []],
    [
      'truncated files in the folder',
      [
        'tfjs_cuda_norm.node',
        'libtfjs_cuda_norm.so',
        'libtfjs_cuda_norm_host.so',
        'libtfjs_cuda_norm_emulated.so',
      ],
    ],
  ])('%s: composed ops, and the reason', (_, files) => {
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
    try {
      for (const file of files) writeFileSync(join(folder, file), '\x7fELF');
      const report = expectScript<Report>(`const { tf, norm } = require(source); ${USE}`, {
        TFJS_CUDA_NORM_DEVICE: 'auto',
        TFJS_CUDA_NORM_LIBRARY_DIR: folder,
      });
      expectWorks(report, 'composed');
      expect(report.device.reason).toContain(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('no GPU visible', () => {
    const report = expectScript<Report>(`const { tf, norm } = require(source); ${USE}`, {
      CUDA_VISIBLE_DEVICES: '',
    });
    expectWorks(report);
  });

  test('an unknown device name is an error that lists the known ones', () => {
    const { status, stderr } = runScript(`require(source).norm.device()`, {
      TFJS_CUDA_NORM_DEVICE: 'gpu',
    });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/TFJS_CUDA_NORM_DEVICE.*emulated.*gpu/s);
  });
});
