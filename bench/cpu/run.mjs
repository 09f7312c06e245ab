// `npm run bench`: our native ops against the composed tfjs ops, as multiples of one x.add(0), on this machine.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { candidatesOf } from './candidates.mjs';
import { CASES, groupsOf, QUICK_CASES } from './cases.mjs';
import { loadNorms, loadWeightMethods } from './entry.mjs';
import {
  printAgainstBatch,
  printComposed,
  printLoops,
  printRows,
  printTargets,
  printTorch,
} from './report.mjs';
import { measure } from './timing.mjs';

const list = (text) => text.split(',');

const options = new Command('npm run bench --')
  .description(
    'Time the native ops against composed tfjs ops (and PyTorch), interleaved in one process.',
  )
  .option('--quick', 'three shapes only')
  .option('--norms <list>', 'these norms only', list)
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

const every = await loadNorms();
const ofWeights = await loadWeightMethods();
const all = [...Object.keys(every), ...Object.keys(ofWeights)];
const asked = options.norms ?? all;
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`bench: no norm ${unknown.join(', ')}; there are ${all.join(', ')}`);
  process.exit(1);
}
const chosen = (from) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => asked.includes(name)));
const norms = chosen(every);

function benchCase({ shape, kind }) {
  const names = Object.keys(norms).filter((name) => norms[name].shapes.includes(kind));
  return names.map((name) => {
    const { candidates, dispose } = candidatesOf({ norm, tf }, norms[name], shape, every.batch);
    const ms = measure(candidates, options);
    dispose();
    return { norm: name, shape, ms };
  });
}

/** What works on weights, by name: its figures, in ms what it timed. */
function benchWeights() {
  const entries = Object.entries(chosen(ofWeights)).map(([name, { candidatesOf: make, print }]) => {
    const { candidates, dispose, ...facts } = make({ norm, tf });
    const figures = { ...facts, ms: measure(candidates, options) };
    dispose();
    print(figures);
    return [name, figures];
  });
  return Object.fromEntries(entries);
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

const machine = {
  cpu: os.cpus()[0]?.model.trim(),
  cores: os.availableParallelism(),
  node: process.version,
};
console.log(`${machine.cpu}, ${machine.cores} cores; multiples of x.add(0)`);
const rows = (options.quick ? QUICK_CASES : CASES).flatMap(benchCase);
if (rows.length > 0) {
  printRows(rows);
  printTargets(rows, norms, CASES[0].shape);
  printAgainstBatch(rows, norms);
  printLoops(rows, norms);
  printComposed(rows);
}
const weights = benchWeights();

const torch = options.torch && rows.length > 0 ? torchRows(rows) : undefined;
if (torch) printTorch(torch);

if (options.json) {
  mkdirSync(path.dirname(path.resolve(options.json)), { recursive: true });
  const report = { date: new Date().toISOString().slice(0, 10), machine, rows, weights, torch };
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
