// One clear line per thing done; a progress line that rewrites itself on a terminal and ticks every 10 s elsewhere.

export function makeLog(stream = process.stdout) {
  const terminal = stream.isTTY === true;
  let open = false;
  let lastTick = 0;
  const endProgress = () => {
    if (open) {
      stream.write('\n');
      open = false;
    }
  };
  return {
    step(name, text) {
      endProgress();
      stream.write(`setup: ${name}: ${text}\n`);
    },
    progress(name, text) {
      if (terminal) {
        stream.write(`\r\x1b[Ksetup: ${name}: ${text}`);
        open = true;
      } else if (Date.now() - lastTick >= 10_000) {
        lastTick = Date.now();
        stream.write(`setup: ${name}: ${text}\n`);
      }
    },
    problem(problem) {
      endProgress();
      stream.write(`setup: ${problem.step}: not possible here\n`);
      for (const [label, text] of [
        ['why', problem.why],
        ['what to do', problem.fix],
        ['still works', problem.works],
      ]) {
        stream.write(
          `  ${`${label}:`.padEnd(13)}${String(text).trim().replace(/\n/g, '\n               ')}\n`,
        );
      }
    },
    endProgress,
  };
}

export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;
