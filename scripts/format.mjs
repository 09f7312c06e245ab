// `npm run format`: rewrites sources as `npm test -- --only lint,format` wants them.
import { join } from 'node:path';
import { makeContext } from './setup/context.mjs';
import { makeLog } from './setup/log.mjs';
import { run } from './setup/process.mjs';
import { ensureClangFormat } from './setup/python.mjs';
import { nativeSources } from './stages/stages.mjs';

const context = makeContext({ log: makeLog() });
const biome = join(context.root, 'node_modules/@biomejs/biome/bin/biome');
const commands = [
  [process.execPath, [biome, 'check', '--write', '.']],
  [await ensureClangFormat(context), ['-i', ...nativeSources(context.root)]],
];
for (const [command, args] of commands) {
  const { code } = await run(command, args, { cwd: context.root, show: true });
  process.exitCode ||= code ?? 1;
}
