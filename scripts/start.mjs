// `npm start`: brings everything into place, then runs the demo with the arguments after `--`.
import { setupThenRun } from './setup/then-run.mjs';

await setupThenRun('npm start', 'examples/mnist.mjs');
