// What setup would do with a tfjs-node, and why. Changes nothing: setup --check prints it, setup asks and carries it out.
import { existsSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findPackage, StepProblem, WITHOUT_TENSORFLOW } from './context.mjs';
import { driverFacts, tooOld } from './driver.mjs';
import { isInUse } from './link.mjs';
import { megabytes } from './log.mjs';
import { missingParts } from './nvidia.mjs';
import { machine } from './pip.mjs';
import { bindingPlace, probe } from './probe.mjs';
import { findPythonLibrary, namedPython } from './python-tensorflow.mjs';
import { hash, readJson } from './store.mjs';
import {
  buildOf,
  inspectLibrary,
  missingPackages,
  namedLibrary,
  pinnedPackages,
} from './tensorflow.mjs';
import { spaceFor } from './wheels.mjs';

export const STEP = 'tfjs-node';
// The versions whose loader and binding are known to take another libtensorflow.
const KNOWN = { pattern: /^4\.22\./, install: '4.22.0' };

export const stampPath = (tfjsNode) => join(tfjsNode, '.tfjs-cuda-norm.json');

/** What the loaded result depends on; when none of it changed, a run that worked works again. */
export function stateKey(context, tfjsNode) {
  const library = inspectLibrary(join(tfjsNode, 'deps'));
  const binding = bindingPlace(tfjsNode).path;
  if (!library || !existsSync(binding)) {
    return undefined;
  }
  const { size, mtimeMs } = statSync(binding);
  const named = context.env.LIBTENSORFLOW_DIR ?? '';
  return hash(
    library.key,
    library.nvidia ?? '',
    size,
    mtimeMs,
    named,
    process.versions.modules,
    process.arch,
  );
}

/** The library that tfjs-node has, and whether it loads: `{ library, build, works, version, reason }`. */
async function inspectPresent(context, tfjsNode) {
  const library = inspectLibrary(join(tfjsNode, 'deps'));
  if (!library || !existsSync(bindingPlace(tfjsNode).path)) {
    const lacks = library ? 'no binding for this Node' : 'no libtensorflow';
    return { library, build: library && buildOf(library), works: false, reason: `it has ${lacks}` };
  }
  const stamp = readJson(stampPath(tfjsNode));
  const known = stamp && stamp.key === stateKey(context, tfjsNode);
  const found = known ? { works: true, version: stamp.version } : await probe(context, tfjsNode);
  return { library, build: buildOf(library), ...found, known };
}

/** 'cpu' or 'cuda' where the user left it to us. `notes` gets a line for what he may want to know. */
function chooseBuild(driver, wanted, notes) {
  if (driver.gpus.length === 0) {
    if (driver.found) {
      notes.push(
        `${driver.reason}: taking the CPU build (in a container: --gpus all; "setup --cuda" takes the CUDA build all the same)`,
      );
    }
    return 'cpu';
  }
  if (!wanted.ask && !wanted.yes) {
    notes.push(
      'there is a GPU, and this command does not fetch 3.3 GB unasked: taking the CPU build ("npx tfjs-cuda-norm setup --cuda" brings the CUDA build)',
    );
    return 'cpu';
  }
  const old = tooOld(driver.version, 'tensorflow');
  if (old) {
    throw new StepProblem(STEP, {
      why: `TensorFlow's CUDA build runs CUDA 12: ${old}`,
      fix: 'install a newer driver (580 or newer runs the kernels that this package brings as well), or run "npx tfjs-cuda-norm setup --cpu"',
      works: 'tfjs-node as it is: nothing was changed',
    });
  }
  return 'cuda';
}

/** Where a build comes from: `{ library }` that is there, or `{ fetch }`, the packages to bring. */
async function chooseSource(context, wanted, build, notes) {
  if (wanted.python) {
    return { library: await namedPython(context, wanted.python, build) };
  }
  if (build === 'cuda') {
    const found = await findPythonLibrary(context, build);
    notes.push(...found.notes);
    if (found.library) {
      return { library: found.library };
    }
  }
  return { fetch: missingPackages(context, build) };
}

function requireKnown(name, version) {
  if (!KNOWN.pattern.test(version)) {
    throw new StepProblem(STEP, {
      why: `${name} ${version} is not known: setup can give ${KNOWN.install} another libtensorflow`,
      fix: `npm install ${name}@${KNOWN.install}, then run setup again`,
      works: WITHOUT_TENSORFLOW,
    });
  }
}

/**
 * The plan for one tfjs-node, undefined where it is not installed. `wanted`: `{ build: 'auto' | 'cpu' | 'cuda', python, yes,
 * ask }`. What already works is kept, unless another build is asked for.
 */
export async function planTfjsNode(context, name, wanted = {}) {
  const path = findPackage(context, name);
  if (!path) {
    return undefined;
  }
  const { version } = readJson(join(path, 'package.json'));
  const driver = await driverFacts(context);
  const present = await inspectPresent(context, path);
  const asked = wanted.build && wanted.build !== 'auto' ? wanted.build : wanted.python && 'cuda';
  const notes = [];
  const plan = { name, path: realpathSync(path), version, present, driver, notes };
  const keep = () => ({ ...plan, action: 'keep', build: present.build });
  const named = namedLibrary(context);
  if (named) {
    const same = present.library?.key === named.key;
    requireKnownUnless(same && present.works, name, version);
    return same && present.works
      ? keep()
      : { ...plan, action: 'link', build: buildOf(named), library: named };
  }
  if (present.works && !asked) {
    if (driver.gpus.length > 0 && present.build === 'cuda' && !hasAll(context, present, 'cuda')) {
      notes.push(
        `TensorFlow's CUDA libraries are not all in ${join(path, 'deps/nvidia')}: "npx tfjs-cuda-norm setup --cuda" brings them`,
      );
    }
    if (driver.gpus.length > 0 && present.build === 'cpu') {
      notes.push(
        `this machine has a GPU (${driver.gpus[0].name}), and TensorFlow is a CPU build: "npx tfjs-cuda-norm setup --cuda" brings the CUDA build`,
      );
    }
    return keep();
  }
  requireKnown(name, version);
  const build = asked ?? chooseBuild(driver, wanted, notes);
  if (build === 'cuda' && machine() !== 'x86_64') {
    // ensureTensorflow says that PyPI has none; nothing to fetch or to ask before.
    return { ...plan, action: 'link', build, fetch: [] };
  }
  const old = build === 'cuda' ? tooOld(driver.version, 'tensorflow') : undefined;
  if (old) {
    notes.push(`${old}: TensorFlow will run on the CPU here until then`);
  }
  if (build === 'cuda' && driver.gpus.length === 0) {
    notes.push(`${driver.reason}: TensorFlow's CUDA build will use its CPU device here`);
  }
  const source = await chooseSource(context, wanted, build, notes);
  if (
    present.works &&
    present.build === build &&
    !wanted.python &&
    hasAll(context, present, build)
  ) {
    return keep();
  }
  if (present.works && source.library && isInUse(plan.path, source.library)) {
    return keep();
  }
  return { ...plan, action: 'link', build, ...source };
}

function requireKnownUnless(fine, name, version) {
  if (!fine) {
    requireKnown(name, version);
  }
}

/** Whether the present library is complete: for CUDA, with each CUDA library beside it. */
function hasAll(context, { library }, build) {
  return (
    build === 'cpu' ||
    missingParts(library.nvidia, pinnedPackages(context, build).nvidia).length === 0
  );
}

/** What a plan costs: bytes to fetch and bytes on disk. */
export const costOf = (plan) => ({
  bytes: (plan.fetch ?? []).reduce((sum, { bytes }) => sum + bytes, 0),
  disk: spaceFor(plan.fetch ?? []),
});

/** A plan in one line. */
export function describePlan(plan) {
  const has = plan.present.works
    ? `works on TensorFlow ${plan.present.version} (${plan.present.build === 'cuda' ? 'CUDA' : 'CPU'} build)`
    : `does not load (${plan.present.reason})`;
  if (plan.action === 'keep') {
    return `${plan.name} ${plan.version} ${has}: left as it is`;
  }
  const build = plan.build === 'cuda' ? "TensorFlow's CUDA build" : "TensorFlow's CPU build";
  const { bytes, disk } = costOf(plan);
  const from = plan.library
    ? `from ${plan.library.source}`
    : plan.fetch.length > 0
      ? `from PyPI: ${megabytes(bytes)} to fetch, ${megabytes(disk)} on disk`
      : 'from the user cache';
  return `${plan.name} ${plan.version} ${has}: would link ${build} ${from}`;
}
