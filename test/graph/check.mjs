// The graph models that export.py wrote, loaded as any program loads them: tfjs's results, ours, and Python's own.
//   check.mjs FOLDER
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { norm, tf } = require('../../dist/index.js');
const folder = process.argv[2];
const TOLERANCE = 1e-5;

// What useNativeOps must find. Grappler turns batch norm at inference into a product and a sum.
const MOMENTS = {
  group: 'groupNorm',
  layer: 'layerNorm',
  instance: 'groupNorm',
  sample: 'layerNorm',
};
const WANTED = {
  'keras-plain': { ...MOMENTS, batch: 'batchNormInference' },
  'keras-optimized': { ...MOMENTS, batch: 'batchNormInference' },
  'fused-plain': { Fused: 'batchNormInference' },
  'fused-optimized': { Fused: 'batchNormInference' },
};
const nativeOp = (op) => `Tfjs${op[0].toUpperCase()}${op.slice(1)}`;

let passed = 0;
let failed = 0;
function check(what, ok, found) {
  if (ok) passed++;
  else failed++;
  process.stdout.write(`${ok ? 'ok' : 'FAILED'}: ${what}${ok ? '' : `, found ${found}`}\n`);
}

const furthest = (a, b) =>
  a.length === b.length
    ? a.reduce((most, one, i) => Math.max(most, Math.abs(one - b[i]) / (1 + Math.abs(b[i]))), 0)
    : Infinity;

for (const [name, wanted] of Object.entries(WANTED)) {
  const { shape, x, y } = JSON.parse(
    readFileSync(join(folder, `${name.split('-')[0]}.json`), 'utf8'),
  );
  const input = tf.tensor(x, shape);
  const model = await tf.loadGraphModel(`file://${join(folder, name, 'model.json')}`);
  const run = () => tf.tidy(() => model.predict(input).dataSync().slice());
  const stock = run();
  check(
    `${name}: tfjs gives what Python gives`,
    furthest(stock, y) < TOLERANCE,
    furthest(stock, y),
  );
  const { replaced, kept } = norm.useNativeOps(model);
  check(`${name}: nothing is left`, kept.length === 0, JSON.stringify(kept));
  norm.resetCounters();
  const ours = run();
  const { calls } = norm.counters();
  for (const [part, other] of [
    ['tfjs', stock],
    ['Python', y],
  ]) {
    check(
      `${name}: native gives what ${part} gives`,
      furthest(ours, other) < TOLERANCE,
      furthest(ours, other),
    );
  }
  const ops = Object.fromEntries(
    Object.keys(wanted).map((part) => [
      part,
      replaced.find((entry) => entry.name.includes(part))?.op,
    ]),
  );
  const as = JSON.stringify(wanted);
  check(
    `${name}: ran as ${as}`,
    JSON.stringify(ops) === as && replaced.length === Object.keys(ops).length,
    JSON.stringify(replaced),
  );
  const counts = {};
  for (const op of Object.values(wanted).map(nativeOp)) counts[op] = (counts[op] ?? 0) + 1;
  const same = Object.entries(counts).every(([op, count]) => calls[op] === count);
  check(`${name}: native calls are ${JSON.stringify(counts)}`, same, JSON.stringify(calls));
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
