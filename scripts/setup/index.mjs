// All steps in order. A step that is impossible here is explained, and the steps that can go on do.
import { join } from 'node:path';
import { agree } from './agree.mjs';
import { ensureDist, ensureNativeBuild } from './build.mjs';
import { makeContext, StepProblem } from './context.mjs';
import { ensureCuda } from './cuda.mjs';
import { makeLog, seconds } from './log.mjs';
import { ensurePackages } from './packages.mjs';
import { planTfjsNode } from './plan.mjs';
import { prebuilt } from './prebuilt.mjs';
import { ensureStream } from './stream.mjs';
import { ensureTfjsNode } from './tfjs-node.mjs';

/** Whose libtensorflow setup looks after. */
export const TFJS_NODE = ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'];

/**
 * Brings a checkout or an installed package to where it can run: packages, CUDA compiler, tfjs-node, builds.
 * Options: `cuda`, the kernels ('auto', 'yes', 'no'); `tensorflow`, what tfjs-node is to have (`planTfjsNode` says what it
 * may say); `build`, compile also where the package brings libraries; `packagesOnly`, `project`, `root`, `env`, `log`. Resolves to `{ problems, context, tfjsNode, cuda }`.
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
  const wanted = options.tensorflow ?? {};
  const plans = [];
  for (const name of TFJS_NODE) {
    plans.push(await attempt('tfjs-node', () => planTfjsNode(context, name, wanted)));
  }
  // Before anything is changed: what was asked for by name and cannot be had ends it, and so does a no.
  const asked = wanted.python || (wanted.build ?? 'auto') !== 'auto';
  if (asked && problems.length > 0) {
    return finish({});
  }
  if (!(await attempt('tfjs-node', () => agree(context, plans, wanted)))) {
    return finish({});
  }
  // An installed package compiles only where what it brings does not serve, or when asked to.
  const ready = context.checkout || options.build ? undefined : prebuilt(context.root);
  if (ready) {
    context.log.step(
      'native libraries',
      ready.folder
        ? `the package brings them, for TensorFlow ${ready.facts.tensorflow} and CUDA ${ready.facts.architectures.join(', ')}`
        : `what the package brings does not serve: ${ready.reason}`,
    );
  }
  const cuda = ready?.folder
    ? undefined
    : await attempt('CUDA compiler', () => ensureCuda(context, options.cuda));
  const given = [];
  for (const plan of plans.filter(Boolean)) {
    given.push(await attempt('tfjs-node', () => ensureTfjsNode(context, plan.name, wanted, plan)));
  }
  const tfjsNode = given.find(Boolean);
  if (!tfjsNode && problems.every(({ step }) => step === 'CUDA compiler')) {
    context.log.step(
      'tfjs-node',
      `@tensorflow/tfjs-node is not installed in ${context.project}; "npm install @tensorflow/tfjs-node" and run setup again`,
    );
  }
  const built = await attempt('native build', async () => {
    if (!ready?.folder) {
      await ensureNativeBuild(context, cuda, tfjsNode);
    }
    return true;
  });
  if (built && tfjsNode?.build === 'cuda') {
    await attempt('stream library', () =>
      ensureStream(context, tfjsNode, ready?.folder ?? join(context.root, 'build/Release')),
    );
  }
  if (context.checkout) {
    await attempt('TypeScript build', () => ensureDist(context));
  }
  return finish({ tfjsNode, cuda });
}

/** A full disk, a read-only cache and the like, explained; anything else is a mistake of ours and is thrown on. */
export function fileProblem(context, step, error) {
  if (!error.syscall) {
    throw error;
  }
  return new StepProblem(step, {
    why: error.message,
    fix: `check space and permissions; TFJS_CUDA_NORM_CACHE names another user cache than ${context.cache}`,
    works: 'the steps that do not need this one',
  });
}
