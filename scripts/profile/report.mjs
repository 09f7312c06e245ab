// The table of `tfjs-cuda-norm profile`.

const sum = (rows, of) => rows.reduce((total, row) => total + (row[of] ?? 0), 0);

/** Rows of an op's name, or of name and shape, with what their ranges add up to; those with the most time first. */
export function reportOf(ranges, { shapes = false } = {}) {
  const groups = new Map();
  for (const range of ranges) {
    // "TfjsGroupNorm x[2,3]": the op's name ends at the space.
    const name = shapes ? range.range : range.range.split(' ')[0];
    groups.set(name, [...(groups.get(name) ?? []), range]);
  }
  const rows = [...groups].map(([name, members]) => ({
    name,
    calls: sum(members, 'calls'),
    total: sum(members, 'total'),
    least: Math.min(...members.map(({ least }) => least)),
    most: Math.max(...members.map(({ most }) => most)),
    ...(members.some(({ gpu }) => gpu !== undefined) && { gpu: sum(members, 'gpu') }),
  }));
  return rows.sort((a, b) => (b.gpu ?? 0) - (a.gpu ?? 0) || b.total - a.total);
}

const milliseconds = (nanoseconds) => (nanoseconds / 1e6).toFixed(2);
const microseconds = (nanoseconds) => (nanoseconds / 1e3).toFixed(1);

/** `by` says what measured; `wall`, where known, is the whole run in nanoseconds. */
export function printTable(rows, { by, wall }, write) {
  write(`\nprofile: measured by ${by}\n`);
  if (rows.length === 0) {
    write('profile: none of our ops was called\n');
    return;
  }
  const onGpu = rows.some(({ gpu }) => gpu !== undefined);
  const of = onGpu ? 'gpu' : 'total';
  const all = sum(rows, of);
  const head = ['op', 'calls', 'total ms', 'share', 'mean us', 'least us', 'most us'];
  const lines = rows.map((row) => [
    row.name,
    String(row.calls),
    milliseconds(row.total),
    `${((100 * (row[of] ?? 0)) / all).toFixed(1)}%`,
    microseconds(row.total / row.calls),
    microseconds(row.least),
    microseconds(row.most),
  ]);
  if (onGpu) {
    head.push('GPU ms');
    for (const [index, row] of rows.entries()) lines[index].push(milliseconds(row.gpu ?? 0));
  }
  const widths = head.map((_, c) => Math.max(...[head, ...lines].map((cells) => cells[c].length)));
  for (const cells of [head, ...lines]) {
    const text = cells.map((cell, c) =>
      c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]),
    );
    write(`${text.join('  ').trimEnd()}\n`);
  }
  const share = wall
    ? `, ${((100 * all) / wall).toFixed(1)}% of the ${milliseconds(wall)} ms run`
    : '';
  write(
    `\n${sum(rows, 'calls')} calls, ${milliseconds(all)} ms ${onGpu ? 'on the GPU' : 'on the host'}${share}\n`,
  );
}
