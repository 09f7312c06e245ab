// All steps in order. A step that is impossible here is explained, and the steps that can go on do.
import { ensureDist, ensureNativeBuild } from './build.mjs';
import { makeContext, StepProblem } from './context.mjs';
import { ensureCuda } from './cuda.mjs';
import { makeLog, seconds } from './log.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureTfjsNode } from './tfjs-node.mjs';

/**
 * Brings a checkout or an installed package to where it can run: packages, CUDA compiler, tfjs-node, builds.
 * Options: `cuda` ('auto', 'yes', 'no'), `packagesOnly`, `project`, `root`, `env`, `log`. Resolves to `{ problems, context, tfjsNode, cuda }`.
 */
export async function setup(options = {}) {
  const context = makeContext({ ...options, log: options.log ?? makeLog() });
  const started = Date.now();
  const problems = [];
  const attempt = async (name, step) => {
    try {
      return await step();
    } catch (error) {
      const problem = error instanceof StepProblem ? error : fileProblem(context, name, error);
      problems.push(problem);
      context.log.problem(problem);
      return undefined;
    }
  };
  const finish = (facts) => {
    const text =
      problems.length === 0
        ? 'everything is in place'
        : `done but for: ${problems.map(({ step }) => step).join(', ')}`;
    context.log.step('ready', `${text} (${seconds(Date.now() - started)})`);
    return { problems, context, ...facts };
  };
  if (context.checkout) {
    await attempt('packages', () => ensurePackages(context));
  }
  if (problems.length > 0 || options.packagesOnly) {
    return finish({});
  }
  const cuda = await attempt('CUDA compiler', () => ensureCuda(context, options.cuda));
  const tfjsNode = await attempt('tfjs-node', () => ensureTfjsNode(context));
  await attempt('tfjs-node', () => ensureTfjsNode(context, '@tensorflow/tfjs-node-gpu'));
  if (!tfjsNode && problems.every(({ step }) => step === 'CUDA compiler')) {
    context.log.step(
      'tfjs-node',
      `@tensorflow/tfjs-node is not installed in ${context.project}; "npm install @tensorflow/tfjs-node" and run setup again`,
    );
  }
  await attempt('native build', () => ensureNativeBuild(context, cuda, tfjsNode));
  if (context.checkout) {
    await attempt('TypeScript build', () => ensureDist(context));
  }
  return finish({ tfjsNode, cuda });
}

/** A full disk, a read-only cache and the like, explained; anything else is a mistake of ours and is thrown on. */
function fileProblem(context, step, error) {
  if (!error.syscall) {
    throw error;
  }
  return new StepProblem(step, {
    why: error.message,
    fix: `check space and permissions; TFJS_CUDA_NORM_CACHE names another user cache than ${context.cache}`,
    works: 'the steps that do not need this one',
  });
}
