// A Python environment that has TensorFlow already: found without importing it, and taken only where it is the pinned one.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StepProblem } from './context.mjs';
import { missingParts, partOf } from './nvidia.mjs';
import { run, tail, which } from './process.mjs';
import { buildOf, inspectLibrary, pinnedPackages, STEP } from './tensorflow.mjs';

const LOOK = `
import importlib.metadata as metadata, importlib.util as util, json, os
spec = util.find_spec("tensorflow")
version = None
for name in ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly"):
    try:
        version = version or metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
folder = os.path.dirname(spec.origin) if spec and spec.origin else None
print("found:" + json.dumps({"folder": folder, "version": version}))
`;

/** What one Python has: `{ library, version }`, or `{ reason }` why it cannot be taken. */
async function inspectPython(context, python, build) {
  const { tensorflow, nvidia } = pinnedPackages(context, build);
  const result = await run(python, ['-c', LOOK], { env: context.env });
  const found = /found:(\{.*\})/.exec(result.stdout)?.[1];
  if (result.code !== 0 || !found) {
    return { reason: `it does not run: ${tail(result.output, 1)}` };
  }
  const { folder, version } = JSON.parse(found);
  if (!folder) {
    return { reason: 'it has no TensorFlow' };
  }
  if (version !== tensorflow?.version) {
    return { version, reason: `it has TensorFlow ${version}, expected ${tensorflow?.version}` };
  }
  const library = inspectLibrary(folder);
  if (!library) {
    return { version, reason: `there is no libtensorflow in ${folder}` };
  }
  if (build === 'cuda') {
    if (buildOf(library) !== 'cuda') {
      return { version, reason: `its TensorFlow ${version} is a CPU build` };
    }
    const missing = missingParts(library.nvidia, nvidia).map(partOf);
    if (missing.length > 0) {
      const where = library.nvidia ?? join(dirname(folder), 'nvidia');
      return { version, reason: `these CUDA libraries are not in ${where}: ${missing.join(', ')}` };
    }
  }
  const source = `TensorFlow ${version} of ${python}`;
  return {
    version,
    library: { ...library, nvidia: build === 'cuda' ? library.nvidia : undefined, source },
  };
}

function refusal(context, python, build, reason) {
  const { tensorflow } = pinnedPackages(context, build);
  const wanted =
    build === 'cuda'
      ? `tensorflow[and-cuda]==${tensorflow?.version}`
      : `tensorflow-cpu==${tensorflow?.version}`;
  return new StepProblem(STEP, {
    why: `--python ${python}: ${reason}`,
    fix: `${python} -m pip install "${wanted}", or leave --python out and let setup fetch it`,
    works: 'tfjs-node as it is: nothing was changed',
  });
}

/** The library of the Python that the user names (a program, or an environment's folder); refuses any but the pinned. */
export async function namedPython(context, named, build) {
  const program =
    [join(named, 'bin/python'), join(named, 'bin/python3')].find((path) => existsSync(path)) ??
    which(named, context.env);
  if (!program) {
    throw refusal(context, named, build, 'there is no such program or environment');
  }
  const { library, reason } = await inspectPython(context, program, build);
  if (!library) {
    throw refusal(context, program, build, reason);
  }
  return library;
}

/** The library of the first Python around that has it; one with another TensorFlow is passed over with a word. */
export async function findPythonLibrary(context, build) {
  const { VIRTUAL_ENV, CONDA_PREFIX, PYTHON } = context.env;
  const programs = [
    ...[VIRTUAL_ENV, CONDA_PREFIX].filter(Boolean).map((folder) => join(folder, 'bin/python')),
    ...[PYTHON, 'python3', 'python'].filter(Boolean),
  ].map((program) => which(program, context.env));
  const notes = [];
  for (const python of new Set(programs.filter(Boolean))) {
    const { library, version, reason } = await inspectPython(context, python, build);
    if (library) {
      return { library, notes };
    }
    if (version) {
      notes.push(`${python} is not taken: ${reason}`);
    }
  }
  return { notes };
}
