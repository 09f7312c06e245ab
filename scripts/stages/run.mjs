// Runs a list of test stages, some side by side, and sums what they counted.
import { availableParallelism } from 'node:os';
import { seconds } from '../setup/log.mjs';

/** What one stage counted. A stage that could not run has `failed` 1 and says why in `note`; a skipped one says why too. */
export const counted = (passed, failed, note = '', skipped = 0) => ({
  passed,
  failed,
  note,
  skipped,
});

/** `passed, failed` from the last line of that form in a program's output; undefined where it has none. */
export function lastCounts(output) {
  const found = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return found && { passed: Number(found[1]), failed: Number(found[2]) };
}

/** A stage `name` is asked for by itself (`jest:host`), by its group (`jest`), or when nothing is asked for. */
export const isAsked = (name, only) =>
  only.length === 0 || only.some((asked) => name === asked || name.startsWith(`${asked}:`));

/**
 * Runs the stages that are asked for, `lanes` of them at a time, and prints what each wrote in their order; then a table and, alone on the
 * last line, the sum. Most stages keep one core busy, so two take little more time than the longer one. Resolves to the exit code.
 */
export async function runStages(
  stages,
  only = [],
  write = (text) => process.stdout.write(text),
  lanes = Math.min(2, availableParallelism()),
) {
  const unknown = only.filter((asked) => !stages.some(({ name }) => isAsked(name, [asked])));
  if (unknown.length > 0) {
    write(
      `no such stage: ${unknown.join(', ')}; there are ${stages.map(({ name }) => name).join(', ')}\n0 passed, 1 failed\n`,
    );
    return 1;
  }
  const asked = stages.filter((stage) => isAsked(stage.name, only));
  const outputs = inOrder(asked.length, write);
  const rows = [];
  let next = 0;
  const lane = async () => {
    while (next < asked.length) {
      const index = next++;
      rows[index] = await runStage(asked[index], outputs[index].write);
      outputs[index].end();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  write('\nstage                passed  failed  skipped      time\n');
  for (const { name, passed, failed, skipped, time, note } of rows) {
    const cells = [
      name.padEnd(20),
      String(passed).padStart(6),
      String(failed).padStart(7),
      String(skipped).padStart(8),
      seconds(time).padStart(9),
    ];
    write(`${cells.join(' ')}${note ? `  ${note.split('\n')[0]}` : ''}\n`);
  }
  const passed = rows.reduce((sum, row) => sum + row.passed, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  write(`\n${passed} passed, ${failed} failed\n`);
  return failed > 0 ? 1 : 0;
}

async function runStage({ name, run }, write) {
  write(`\n=== ${name}\n`);
  const started = Date.now();
  let result;
  try {
    result = await run((line) => write(`${line}\n`));
  } catch (error) {
    result = counted(0, 1, error.message);
  }
  // A stage that found nothing to test has not shown anything.
  if (result.passed + result.failed + result.skipped === 0) {
    result = counted(0, 1, result.note || 'it ran no test');
  }
  if (result.note) {
    write(`${name}: ${result.note}\n`);
  }
  return { name, ...result, time: Date.now() - started };
}

/** `count` outputs that are written one after the other: the first that has not ended at once, the others when their turn comes. */
function inOrder(count, write) {
  let front = 0;
  const outputs = Array.from({ length: count }, (_, index) => {
    const output = {
      kept: '',
      ended: false,
      write: (text) => {
        if (index === front) {
          write(text);
        } else {
          output.kept += text;
        }
      },
      end: () => {
        output.ended = true;
        while (outputs[front]?.ended) {
          front += 1;
          write(outputs[front]?.kept ?? '');
        }
      },
    };
    return output;
  });
  return outputs;
}
