// Brings everything into place, then runs a script of the package with this process's arguments, or others.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './context.mjs';
import { setup } from './index.mjs';
import { run } from './process.mjs';

/** `command`: what the user typed, for messages; `script`: relative to the package. */
export async function setupThenRun(command, script, args = process.argv.slice(2)) {
  const { problems } = await setup();
  if (!existsSync(join(packageRoot, 'dist/index.mjs'))) {
    const steps = problems.map(({ step }) => step).join(', ');
    process.stderr.write(`${command}: needs the steps above (${steps})\n`);
    process.exitCode = 1;
    return;
  }
  const { code, signal } = await run(process.execPath, [join(packageRoot, script), ...args], {
    cwd: packageRoot,
    show: true,
  });
  if (signal) process.stderr.write(`${command}: died of ${signal}\n`);
  process.exitCode = code ?? 1;
}
