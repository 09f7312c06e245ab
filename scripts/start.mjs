// `npm start`: brings everything into place, then runs the demo with the arguments after `--`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './setup/context.mjs';
import { setup } from './setup/index.mjs';
import { run } from './setup/process.mjs';

const { problems } = await setup();
if (!existsSync(join(packageRoot, 'dist/index.mjs'))) {
  process.stderr.write(
    `npm start: the demo needs the steps above (${problems.map(({ step }) => step).join(', ')})\n`,
  );
  process.exitCode = 1;
} else {
  const { code, signal } = await run(
    process.execPath,
    [join(packageRoot, 'examples/mnist.mjs'), ...process.argv.slice(2)],
    {
      cwd: packageRoot,
      show: true,
    },
  );
  if (signal) {
    process.stderr.write(`npm start: the demo died of ${signal}\n`);
  }
  process.exitCode = code ?? 1;
}
