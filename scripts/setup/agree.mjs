// What is big is said and asked before anything is fetched.
import { createInterface } from 'node:readline/promises';
import { StepProblem } from './context.mjs';
import { megabytes } from './log.mjs';
import { STEP } from './plan.mjs';
import { requireSpace, spaceFor } from './wheels.mjs';

/** Asks on the terminal; undefined where there is none. */
export async function askOnTerminal(question) {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    return undefined;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/**
 * True where the plans need no fetch of a CUDA build, or the user agrees to it. Throws where the disk has no room, where he
 * does not agree, and where nobody can be asked.
 */
export async function agree(context, plans, { yes, ask }) {
  const big = plans.filter((plan) => plan?.action === 'link' && plan.build === 'cuda');
  const fetched = new Map(
    big.flatMap(({ fetch = [] }) => fetch.map((wanted) => [wanted.name, wanted])),
  );
  const packages = [...fetched.values()];
  if (packages.length === 0) {
    return true;
  }
  requireSpace(context, STEP, packages);
  const bytes = packages.reduce((sum, wanted) => sum + wanted.bytes, 0);
  const text = `TensorFlow's CUDA build and its CUDA 12 libraries: ${megabytes(bytes)} to fetch with pip, ${megabytes(spaceFor(packages))} on disk, in ${context.cache}`;
  context.log.step(STEP, text);
  const answer = yes || (await ask?.('Fetch them?'));
  if (!answer) {
    throw new StepProblem(STEP, {
      why:
        answer === false
          ? 'not fetched, as you said'
          : 'nobody can be asked here (no terminal), and --yes was not given',
      fix: 'run "npx tfjs-cuda-norm setup --cuda --yes" to fetch them, "setup --python PATH" to link a Python environment with tensorflow[and-cuda], or "setup --cpu" for the CPU build',
      works: 'what worked before: nothing was changed',
    });
  }
  return true;
}
