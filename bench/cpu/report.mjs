// What `npm run bench` prints of the rows it timed.
import { kilobytes } from './cases.mjs';

const times = (value, base) => (value === undefined ? '-' : (value / base).toFixed(2)).padStart(8);
const title = ({ norm, shape }) => `${norm.padEnd(10)} ${shape.join('x').padEnd(14)}`;
const list = (rows) => rows.map((row) => `${row.norm} ${row.shape.join('x')}`).join('; ');
const verdict = (ok) => (ok ? 'ok' : 'MISSED');

export function printRows(rows) {
  console.log(
    'norm       shape              size  add(0)ms  forward composed backward     both composed',
  );
  for (const row of rows) {
    const { shape, ms } = row;
    const size =
      kilobytes(shape) < 1024
        ? `${kilobytes(shape)} KB`
        : `${(kilobytes(shape) / 1024).toFixed(1)} MB`;
    console.log(
      `${title(row)} ${size.padStart(8)} ${ms.copy.toFixed(3).padStart(8)} ` +
        `${times(ms.forward, ms.copy)} ${times(ms.composedForward, ms.copy)} ${times(ms.backward, ms.copy)} ` +
        `${times(ms.both, ms.copy)} ${times(ms.composedBoth, ms.copy)}`,
    );
  }
}

export function printTargets(rows, norms, shape) {
  console.log(`\nTargets on ${shape.join('x')}:`);
  for (const row of rows.filter((r) => r.shape === shape)) {
    for (const [direction, target] of Object.entries(norms[row.norm].target)) {
      const ratio = row.ms[direction] / row.ms.copy;
      console.log(
        `  ${row.norm} ${direction}: ${ratio.toFixed(2)} (target <= ${target}) ${verdict(ratio <= target)}`,
      );
    }
  }
}

/** Forward and backward as multiples of batch norm's in training on the same shape. */
export function printAgainstBatch(rows, norms) {
  console.log(`\nAs multiples of batch norm's training on the same shape:`);
  console.log('norm       shape           forward backward');
  const missed = [];
  for (const row of rows.filter(({ ms }) => ms.batchForward)) {
    const { ms } = row;
    const ratios = [ms.forward / ms.batchForward, ms.backward / ms.batchBackward];
    const target = norms[row.norm].againstBatch;
    const ok = !target || ratios.every((ratio) => ratio <= target);
    if (!ok) missed.push(row);
    console.log(
      `${title(row)} ${times(ratios[0], 1)} ${times(ratios[1], 1)}` +
        `${target ? `  (target <= ${target}) ${verdict(ok)}` : ''}`,
    );
  }
  if (missed.length > 0) console.log(`Missed: ${list(missed)}`);
}

/** Ours against the same norm computed sample by sample, where that is how its users write it. */
export function printLoops(rows, norms) {
  for (const row of rows.filter(({ shape }) => shape[0] > 1)) {
    for (const [i, { what, target }] of (norms[row.norm].loops ?? []).entries()) {
      const ratio = row.ms[`loop${i}`] / row.ms.forward;
      console.log(
        `${title(row)} ${ratio.toFixed(1)} times as fast as ${what} (target >= ${target}) ${verdict(ratio >= target)}`,
      );
    }
  }
}

export function printComposed(rows) {
  const slower = rows.filter(
    ({ ms }) =>
      ms.forward > ms.composedForward || (ms.both !== undefined && ms.both > ms.composedBoth),
  );
  console.log(
    slower.length === 0
      ? '\nNever slower than the composed ops.'
      : `\nSLOWER than the composed ops: ${list(slower)}`,
  );
}

export function printTorch({ version, rows, without }) {
  console.log(`\nPyTorch ${version} and our kernels, ms (ours / PyTorch):`);
  const pair = (torch, ours) =>
    `${torch.toFixed(3).padStart(9)} ${ours.toFixed(3).padStart(9)} ${times(ours, torch)}`;
  for (const row of rows) {
    console.log(
      `${title(row)} forward ${pair(row.forward, row.ours_forward)}` +
        (row.backward ? `   backward ${pair(row.backward, row.ours_backward)}` : ''),
    );
  }
  const slower = rows.filter(
    (row) => row.ours_forward > row.forward || row.ours_backward > row.backward,
  );
  console.log(`Slower than PyTorch in ${slower.length} of ${rows.length}: ${list(slower)}`);
  if (without.length > 0) console.log(`Without a peer in PyTorch: ${without.join(', ')}`);
}
