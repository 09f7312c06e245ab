// `npm run bench`: brings everything into place, then times the native ops with the arguments after `--`.
import { setupThenRun } from './setup/then-run.mjs';

await setupThenRun('npm run bench', 'bench/cpu/run.mjs');
