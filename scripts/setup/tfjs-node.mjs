// Makes @tensorflow/tfjs-node loadable: leaves alone what works, else links a libtensorflow and gives it a binding.
import { existsSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bindingFor } from './binding.mjs';
import { findPackage, StepProblem, WITHOUT_TENSORFLOW } from './context.mjs';
import {
  dropOldSets,
  isLinked,
  placeBinding,
  prepareLinks,
  restore,
  restoreBinding,
  switchTo,
} from './link.mjs';
import { planTfjsNode, STEP, stampPath, stateKey } from './plan.mjs';
import { bindingPlace, probe } from './probe.mjs';
import { hash, withLock, writeJson } from './store.mjs';
import { ensureTensorflow, inspectLibrary } from './tensorflow.mjs';

/** Runs `work(waited)` while no other setup works on this tfjs-node; `waited`: another one did just before. */
async function withTfjsNode(context, tfjsNode, work) {
  let waited = false;
  return withLock(
    context.cache,
    `tfjs-node-${hash(realpathSync(tfjsNode))}`,
    () => work(waited),
    ({ pid }) => {
      waited = true;
      context.log.step(STEP, `another setup (process ${pid}) works on it; waiting`);
    },
  );
}

/**
 * The step, after `planTfjsNode`, whose plan for this package may be given. Returns `{ name, path, build, library,
 * include, version }`, or undefined where no tfjs-node is installed.
 */
export async function ensureTfjsNode(context, name = '@tensorflow/tfjs-node', wanted = {}, given) {
  const plan = given ?? (await planTfjsNode(context, name, wanted));
  if (!plan) {
    return undefined;
  }
  for (const note of plan.notes) {
    context.log.step(STEP, note);
  }
  if (plan.action === 'keep' && plan.present.known) {
    return answer(plan, plan.present.version);
  }
  return withTfjsNode(context, plan.path, async (waited) =>
    carryOut(context, waited ? await planTfjsNode(context, name, wanted) : plan),
  );
}

function answer({ name, path, build }, version) {
  const library = inspectLibrary(join(path, 'deps'));
  return { name, path, build, library: library?.main, include: library?.include, version };
}

async function carryOut(context, plan) {
  const { path, present } = plan;
  const remember = (version) => {
    writeJson(stampPath(path), { key: stateKey(context, path), version });
    return answer(plan, version);
  };
  if (plan.action === 'keep') {
    if (!present.known) {
      context.log.step(STEP, `works as it is, on TensorFlow ${present.version}`);
    }
    return remember(present.version);
  }
  if (present.library && !present.works) {
    context.log.step(STEP, `does not load (${present.reason})`);
  }
  const library =
    plan.library ??
    (await ensureTensorflow(context, { build: plan.build, libraries: plan.build === 'cuda' }));
  const made = await giveLibrary(context, plan, library);
  const where = made.gpu ? 'its device is the GPU' : 'its device is the CPU';
  const build = plan.build === 'cuda' ? `CUDA build, ${where}` : 'CPU build';
  context.log.step(STEP, `loads TensorFlow ${made.version} from ${library.source} (${build})`);
  return remember(made.version);
}

/** Links the library and, where tfjs-node's own binding is missing or does not load it, gives it ours; or changes nothing. */
async function giveLibrary(context, { name, path }, library) {
  const binding = bindingPlace(path);
  const fresh = !isLinked(path);
  let before;
  const back = () => {
    if (fresh) {
      restore(path);
    } else if (before) {
      if (before === 'original') {
        restoreBinding(path);
      }
      switchTo(path, before);
    }
  };
  try {
    const links = prepareLinks(path, library);
    let made = { works: false };
    if (existsSync(binding.path)) {
      before = switchTo(path, links.name);
      made = await probe(context, path);
    }
    if (!made.works) {
      const file = await bindingFor(context, path, library, links.libraries);
      before ??= switchTo(path, links.name);
      placeBinding(path, file);
      made = await probe(context, path);
    }
    if (!made.works) {
      throw new StepProblem(STEP, {
        why: `${name} was given ${library.source} and a fresh binding, and still does not load: ${made.reason}`,
        fix: `run "npx tfjs-cuda-norm doctor"; another TensorFlow can be named with LIBTENSORFLOW_DIR`,
        works: `tfjs-node as it was. ${WITHOUT_TENSORFLOW}`,
      });
    }
    dropOldSets(path);
    return made;
  } catch (error) {
    back();
    throw error;
  }
}

/** setup --undo: makes this tfjs-node what it was before setup; false where it is that already. */
export async function undoTfjsNode(context, name) {
  const found = findPackage(context, name);
  if (!found) {
    return undefined;
  }
  const path = realpathSync(found);
  return withTfjsNode(context, path, () => {
    rmSync(stampPath(path), { force: true });
    return restore(path);
  });
}
