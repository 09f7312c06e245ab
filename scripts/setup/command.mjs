// `npx tfjs-cuda-norm setup` with its options.
import { askOnTerminal } from './agree.mjs';
import { makeContext, StepProblem } from './context.mjs';
import { fileProblem, setup, TFJS_NODE } from './index.mjs';
import { makeLog } from './log.mjs';
import { describePlan, planTfjsNode, STEP } from './plan.mjs';
import { undoTfjsNode } from './tfjs-node.mjs';

/** Runs `work` for each tfjs-node that is installed; resolves to what it gave, and to the number of problems. */
async function forEach(context, work) {
  const results = [];
  let problems = 0;
  for (const name of TFJS_NODE) {
    try {
      results.push(await work(name));
    } catch (error) {
      context.log.problem(error instanceof StepProblem ? error : fileProblem(context, STEP, error));
      problems += 1;
    }
  }
  const found = results.filter((result) => result !== undefined);
  if (found.length === 0 && problems === 0) {
    context.log.step(STEP, `@tensorflow/tfjs-node is not installed in ${context.project}`);
    problems += 1;
  }
  return { found, problems };
}

/** setup --check: what setup would do. 0 where that is nothing. */
export async function check(context, wanted) {
  const { found, problems } = await forEach(context, (name) => planTfjsNode(context, name, wanted));
  for (const plan of found) {
    context.log.step(STEP, describePlan(plan));
    for (const note of plan.notes) {
      context.log.step(STEP, note);
    }
  }
  return problems > 0 || found.some(({ action }) => action !== 'keep') ? 1 : 0;
}

/** setup --undo. The user cache stays: it is said where it is. */
export async function undo(context) {
  const { problems } = await forEach(context, async (name) => {
    const undone = await undoTfjsNode(context, name);
    if (undone !== undefined) {
      context.log.step(
        STEP,
        `${name} ${undone ? 'is as it was before setup' : 'was not changed by setup'}`,
      );
    }
    return undone;
  });
  context.log.step('user cache', `${context.cache} keeps what was fetched; it may be deleted`);
  return problems > 0 ? 1 : 0;
}

/** The command; resolves to its exit code. `more` is for tests: what makeContext takes. */
export async function setupCommand(options, more = {}) {
  const { cuda, cpu, python, yes } = options;
  const log = more.log ?? makeLog();
  if ((cuda && cpu) || (options.check && options.undo)) {
    log.step(
      'setup',
      cuda && cpu ? '--cuda and --cpu exclude each other' : '--check and --undo exclude each other',
    );
    return 2;
  }
  const context = { ...makeContext(more), log };
  const build = cuda ? 'cuda' : cpu ? 'cpu' : 'auto';
  const tensorflow = { build, python, yes, ask: more.ask ?? askOnTerminal };
  if (options.undo) {
    return undo(context);
  }
  if (options.check) {
    return check(context, tensorflow);
  }
  const kernels = { cuda: 'yes', cpu: 'no', auto: 'auto' }[build];
  const { problems } = await setup({ ...more, log, cuda: kernels, tensorflow });
  return problems.length > 0 ? 1 : 0;
}
