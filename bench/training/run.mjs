// `npm run bench:training`: a step of training of a small residual network with group norm: our layers, the composed norm of plain
// tfjs ops and, with --torch, PyTorch; images per second and how many ops a step takes. On the device that tfjs-node has.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { composedGroupNorm, GROUPS, residualNetwork } from './model.mjs';
import { kernelsOf, losses, makeBatch, timeSteps } from './step.mjs';

const numbers = (text) => text.split(',').map(Number);
const options = new Command('npm run bench:training --')
  .option('--sizes <list>', 'heights and widths of the images', numbers, [32, 112])
  .option('--batch <count>', 'images a step', Number, 32)
  .option('--rounds <count>', 'steps timed', Number, 15)
  .option('--torch <python>', 'also time PyTorch, with this Python that has it')
  .option('--json <file>', 'write the figures there')
  .parse()
  .opts();

/** Losses of the two models may differ as float32 sums in another order do. */
const SAME = 1e-3;

async function benchSize(size) {
  const models = {
    native: residualNetwork(tf, size, () => norm.layers.groupNormalization({ groups: GROUPS })),
    composed: residualNetwork(tf, size, () => composedGroupNorm(tf)),
  };
  const batch = makeBatch(tf, options.batch, size);
  const found = {};
  const kernels = {};
  for (const [name, model] of Object.entries(models)) {
    found[name] = await losses(model, batch, 3);
    kernels[name] = await kernelsOf(tf, model, batch);
  }
  const apart = Math.max(...found.native.map((loss, i) => Math.abs(loss - found.composed[i])));
  if (!(apart < SAME)) {
    throw new Error(
      `bench: expected the same losses of both models, got ${found.native.join(' ')} and ${found.composed.join(' ')}`,
    );
  }
  const ms = await timeSteps(models, batch, options.rounds);
  for (const model of Object.values(models)) model.dispose();
  tf.dispose(batch);
  return { size, batch: options.batch, kernels, ms };
}

/** PyTorch's milliseconds a step, by size. */
function torchSteps() {
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'torch_training.py');
  const { sizes, batch, rounds } = options;
  const request = { sizes, batch, rounds, groups: GROUPS, threads: os.availableParallelism() };
  const { status, stdout, stderr, error } = spawnSync(options.torch, [script], {
    input: JSON.stringify(request),
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(
      `bench: expected '${options.torch}' to run PyTorch, got: ${error?.message ?? stderr}`,
    );
  }
  return JSON.parse(stdout);
}

const device = norm.device();
const machine = {
  cpu: os.cpus()[0]?.model.trim(),
  cores: os.availableParallelism(),
  node: process.version,
  device: device.device,
};
console.log(`${machine.cpu}, ${machine.cores} cores; our ops: ${device.device} (${device.reason})`);
const rows = [];
for (const size of options.sizes) rows.push(await benchSize(size));
const torch = options.torch && torchSteps();

console.log('\nimages            norm        ms a step  images/s  ops a step');
const line = (row, name, ms, ops) => {
  const shape = `${row.batch}x${row.size}x${row.size}x3`;
  const rate = (1000 * row.batch) / ms;
  const cells = [shape.padEnd(16), name.padEnd(10), ms.toFixed(1).padStart(10)];
  console.log([...cells, rate.toFixed(0).padStart(9), String(ops).padStart(11)].join(' '));
};
for (const row of rows) {
  for (const name of Object.keys(row.ms)) line(row, name, row.ms[name], row.kernels[name]);
  if (torch) line(row, 'PyTorch', torch.ms[row.size], '-');
}
if (torch) console.log(`PyTorch ${torch.version} on ${torch.device}, channels last`);

if (options.json) {
  mkdirSync(path.dirname(path.resolve(options.json)), { recursive: true });
  const report = { date: new Date().toISOString().slice(0, 10), machine, rows, torch };
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}
