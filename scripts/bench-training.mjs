// `npm run bench:training`: brings everything into place, then times a step of training with the arguments after `--`.
import { setupThenRun } from './setup/then-run.mjs';

await setupThenRun('npm run bench:training', 'bench/training/run.mjs');
