import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { profile, rangesOfNsys } from '../../scripts/profile/profile.mjs';
import { reportOf } from '../../scripts/profile/report.mjs';

const ON_HOST = [
  {
    Range: 'tfjs-cuda-norm:TfjsGroupNorm x[2,3]',
    'Total Time (ns)': 5000,
    Instances: 2,
    'Min (ns)': 2000,
    'Max (ns)': 3000,
  },
  {
    Range: 'tfjs-cuda-norm:TfjsGroupNorm x[4,3]',
    'Total Time (ns)': 1000,
    Instances: 1,
    'Min (ns)': 1000,
    'Max (ns)': 1000,
  },
  {
    Range: 'tfjs-cuda-norm:TfjsLayerNorm x[2,3]',
    'Total Time (ns)': 9000,
    Instances: 1,
    'Min (ns)': 9000,
    'Max (ns)': 9000,
  },
  {
    Range: 'TensorFlow:Conv2D',
    'Total Time (ns)': 99000,
    Instances: 1,
    'Min (ns)': 99000,
    'Max (ns)': 99000,
  },
];
const ON_GPU = [
  {
    Range: ':tfjs-cuda-norm:TfjsGroupNorm x[2,3]',
    'Total Proj Time (ns)': 70000,
    'Range Instances': 2,
  },
];

test("Nsight Systems' rows: our domain alone, the GPU's time beside the host's", () => {
  const ranges = rangesOfNsys(ON_HOST, ON_GPU);
  assert.deepEqual(ranges[0], {
    range: 'TfjsGroupNorm x[2,3]',
    calls: 2,
    total: 5000,
    least: 2000,
    most: 3000,
    gpu: 70000,
  });
  assert.equal(ranges.length, 3);
  assert.deepEqual(
    reportOf(ranges).map(({ name, calls, total, least, gpu }) => [name, calls, total, least, gpu]),
    [
      ['TfjsGroupNorm', 3, 6000, 1000, 70000],
      ['TfjsLayerNorm', 1, 9000, 9000, undefined],
    ],
  );
  assert.equal(reportOf(ranges, { shapes: true }).length, 3);
});

/** Runs profile() with a stand-in for nsys, and a script that ends with 3. */
async function profiled(folder, nsys, options = {}) {
  const script = join(folder, 'script.cjs');
  writeFileSync(script, 'process.exit(3);');
  let text = '';
  const write = (part) => {
    text += part;
  };
  const code = await profile(script, [], { nsys, output: join(folder, 'out'), write, ...options });
  return { code, text };
}

test('a profile by nsys, from its reports', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'norm-profile-'));
  try {
    const nsys = join(folder, 'nsys');
    const reports = { nvtx_sum: ON_HOST, nvtx_gpu_proj_sum: ON_GPU };
    writeFileSync(
      nsys,
      `#!${process.execPath}
const { writeFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const args = process.argv.slice(2);
const value = (name) => args.find((arg) => arg.startsWith('--' + name + '='))?.split('=')[1];
if (args[0] === 'profile') {
  const at = args.findIndex((arg) => arg === ${JSON.stringify(process.execPath)});
  writeFileSync(value('output') + '.nsys-rep', args.join(' '));
  process.exit(spawnSync(args[at], args.slice(at + 1)).status);
}
console.log('Generating SQLite file');
console.log(JSON.stringify(${JSON.stringify(reports)}[value('report')]));
`,
    );
    chmodSync(nsys, 0o755);
    const { code, text } = await profiled(folder, nsys);
    assert.equal(code, 3);
    assert.match(text, /TfjsGroupNorm +3 +0\.01 +100\.0% .*0\.07\n/);
    assert.match(text, /4 calls, 0\.07 ms on the GPU/);
    assert.match(readFileSync(join(folder, 'out.nsys-rep'), 'utf8'), /--trace=cuda,nvtx/);
    writeFileSync(nsys, '#!/bin/sh\nexit 9\n');
    rmSync(join(folder, 'out.nsys-rep'));
    const broken = await profiled(folder, nsys);
    assert.equal(broken.code, 9);
    assert.match(broken.text, /wrote no .*out\.nsys-rep \(exit code 9\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('without nsys and without our tool the message names both', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'norm-profile-'));
  try {
    const env = { ...process.env, TFJS_CUDA_NORM_LIBRARY_DIR: folder };
    const { code, text } = await profiled(folder, false, { env });
    assert.equal(code, 1);
    assert.match(text, /there is no libtfjs_cuda_norm_profile\.so .* install Nsight Systems/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
