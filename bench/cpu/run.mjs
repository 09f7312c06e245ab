// `npm run bench`: our native ops against the composed tfjs ops, as multiples of one x.add(0), on this machine.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { CASES, groupsOf, kilobytes, QUICK_CASES, TARGETS } from './cases.mjs';
import { composedNorms } from './composed.mjs';
import { nativeCalls } from './native.mjs';
import { measure } from './timing.mjs';

const options = new Command('npm run bench --')
  .description(
    'Time the native ops against composed tfjs ops (and PyTorch), interleaved in one process.',
  )
  .option('--quick', 'three shapes only')
  .option('--rounds <count>', 'samples per candidate', Number, 15)
  .option('--torch <python>', 'also time PyTorch on the CPU, with this Python that has it')
  .option('--json <file>', 'write the figures there')
  .parse()
  .opts();

const device = norm.device();
if (device.device !== 'host') {
  console.error(`bench: expected the host kernels, got '${device.device}' (${device.reason})`);
  process.exit(1);
}
const composed = composedNorms(tf);

function runAndFree(make) {
  return () => tf.dispose(make());
}

function candidatesOf(name, shape) {
  const native = nativeCalls({ norm, tf }, name, shape, groupsOf(shape));
  const { wanted } = native;
  const { x, gamma, beta, dy, mean, variance } = native.tensors;
  const groups = groupsOf(shape);
  const compose = (a, g, b) => composed[name](a, g, b, groups, mean, variance);
  const gradients = tf.grads(compose);
  const candidates = {
    copy: runAndFree(() => x.add(0)),
    forward: runAndFree(native.forward),
    composedForward: runAndFree(() => tf.tidy(() => compose(x, gamma, beta))),
  };
  if (native.backward) {
    candidates.backward = runAndFree(native.backward);
    candidates.both = runAndFree(native.forwardAndBackward);
    candidates.composedBoth = runAndFree(() => gradients(wanted, dy));
  }
  return { candidates, dispose: native.dispose };
}

function benchCase({ shape, norms }) {
  return norms.map((name) => {
    const { candidates, dispose } = candidatesOf(name, shape);
    const ms = measure(candidates, options);
    dispose();
    return { norm: name, shape, ms };
  });
}

/** PyTorch and our kernels through the C face, interleaved in a process of Python. */
function torchRows(rows) {
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'torch_cpu.py');
  const cases = rows.map(({ norm: name, shape }) => ({
    norm: name,
    shape,
    groups: groupsOf(shape),
  }));
  const { library } = device;
  const request = { library, threads: os.availableParallelism(), rounds: options.rounds, cases };
  const result = spawnSync(options.torch, [script], {
    input: JSON.stringify(request),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (result.status !== 0) {
    throw new Error(
      `bench: expected '${options.torch}' to run PyTorch, got: ${result.error?.message ?? result.stderr}`,
    );
  }
  return JSON.parse(result.stdout);
}

function printTorch({ version, rows }) {
  console.log(`\nPyTorch ${version} and our kernels, ms (ours / PyTorch):`);
  const pair = (torch, ours) =>
    `${torch.toFixed(3).padStart(9)} ${ours.toFixed(3).padStart(9)} ${times(ours, torch)}`;
  for (const row of rows) {
    console.log(
      `${row.norm.padEnd(10)} ${row.shape.join('x').padEnd(14)} forward ${pair(row.forward, row.ours_forward)}` +
        `   backward ${pair(row.backward, row.ours_backward)}`,
    );
  }
  const slower = rows.filter(
    (row) => row.ours_forward > row.forward || row.ours_backward > row.backward,
  );
  console.log(
    `Slower than PyTorch in ${slower.length} of ${rows.length}: ` +
      slower.map((row) => `${row.norm} ${row.shape.join('x')}`).join('; '),
  );
}

const times = (value, base) => (value === undefined ? '-' : (value / base).toFixed(2)).padStart(8);

function printRow({ norm: name, shape, ms }) {
  const size = `${kilobytes(shape) < 1024 ? `${kilobytes(shape)} KB` : `${(kilobytes(shape) / 1024).toFixed(1)} MB`}`;
  console.log(
    `${name.padEnd(10)} ${shape.join('x').padEnd(14)} ${size.padStart(8)} ${ms.copy.toFixed(3).padStart(8)} ` +
      `${times(ms.forward, ms.copy)} ${times(ms.composedForward, ms.copy)} ${times(ms.backward, ms.copy)} ` +
      `${times(ms.both, ms.copy)} ${times(ms.composedBoth, ms.copy)}`,
  );
}

console.log(
  `${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} cores; multiples of x.add(0)`,
);
const rows = (options.quick ? QUICK_CASES : CASES).flatMap(benchCase);
console.log(
  'norm       shape              size  add(0)ms  forward composed backward     both composed',
);
rows.forEach(printRow);

console.log(`\nTargets on ${CASES[0].shape.join('x')}:`);
for (const row of rows.filter((r) => r.shape === CASES[0].shape)) {
  for (const [direction, target] of Object.entries(TARGETS[row.norm])) {
    const ratio = row.ms[direction] / row.ms.copy;
    console.log(
      `  ${row.norm} ${direction}: ${ratio.toFixed(2)} (target <= ${target}) ${ratio <= target ? 'ok' : 'MISSED'}`,
    );
  }
}
const slower = rows.filter(
  ({ ms }) =>
    ms.forward > ms.composedForward || (ms.both !== undefined && ms.both > ms.composedBoth),
);
console.log(
  slower.length === 0
    ? 'Never slower than the composed ops.'
    : `SLOWER than the composed ops: ${slower.map((r) => `${r.norm} ${r.shape.join('x')}`).join('; ')}`,
);

const torch = options.torch ? torchRows(rows) : undefined;
if (torch) printTorch(torch);

if (options.json) {
  mkdirSync(path.dirname(path.resolve(options.json)), { recursive: true });
  const machine = {
    cpu: os.cpus()[0]?.model.trim(),
    cores: os.availableParallelism(),
    node: process.version,
  };
  const report = {
    date: new Date().toISOString().slice(0, 10),
    machine,
    rows,
    torch,
  };
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
