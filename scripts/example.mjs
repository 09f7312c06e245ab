// `npm run example -- NAME`: brings everything into place, then runs examples/NAME.mjs with the arguments after it.
// Without a name: lists the examples, by the first line of each.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './setup/context.mjs';
import { setupThenRun } from './setup/then-run.mjs';

const folder = join(packageRoot, 'examples');
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length))
  .sort();
const [name, ...args] = process.argv.slice(2);

if (name !== undefined && names.includes(name)) {
  await setupThenRun(`npm run example -- ${name}`, join('examples', `${name}.mjs`), args);
} else {
  const write = (line) => (name === undefined ? process.stdout : process.stderr).write(`${line}\n`);
  if (name !== undefined) write(`npm run example: there is no example '${name}'`);
  write('npm run example -- NAME [options], with NAME one of');
  for (const each of names) {
    const [first] = readFileSync(join(folder, `${each}.mjs`), 'utf8').split('\n');
    write(`  ${each.padEnd(12)} ${first.replace(/^\/\/ */, '')}`);
  }
  process.exitCode = name === undefined ? 0 : 1;
}
