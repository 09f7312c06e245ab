// `npx tfjs-cuda-norm doctor`: explains the machine, and says what is wrong and what to do about it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeContext } from '../setup/context.mjs';
import { run, tail } from '../setup/process.mjs';
import { readJson } from '../setup/store.mjs';
import {
  compilerFacts,
  gpuFacts,
  libraryFacts,
  nodeFacts,
  platformFacts,
  tensorflowFacts,
} from './facts.mjs';
import { printReport } from './report.mjs';

// Of values of size about 1 to 10, in float32, in two different orders of summation.
const TOLERANCE = 2e-4;
const SETUP = 'run "npx tfjs-cuda-norm setup"';

async function runSelfTest(context, env) {
  const script = fileURLToPath(new URL('./selftest.mjs', import.meta.url));
  const result = await run(process.execPath, [script, join(context.root, 'dist/index.js')], {
    cwd: context.project,
    env: { TF_CPP_MIN_LOG_LEVEL: '2', ...context.env, ...env },
  });
  const facts = /^selftest:(\{.*\})$/m.exec(result.stdout)?.[1];
  if (result.code === 0 && facts) {
    return JSON.parse(facts);
  }
  return {
    reason: result.signal
      ? `died of ${result.signal}`
      : (/^\w*Error: .*$/m.exec(result.output)?.[0] ?? tail(result.output, 3)),
  };
}

/** The largest difference of two results of one op, relative to the larger of 1 and the expected value. */
export function largestError(found, expected) {
  let worst = 0;
  for (const [i, values] of expected.entries()) {
    if (found[i]?.length !== values.length) {
      return Number.POSITIVE_INFINITY;
    }
    for (const [j, value] of values.entries()) {
      const error = Math.abs(found[i][j] - value) / Math.max(1, Math.abs(value));
      // Written so that NaN is worst.
      worst = error <= worst ? worst : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    }
  }
  return worst;
}

/** Every op, native against composed: `{ device, backend, reason, ops: [{ name, ok, error, milliseconds, reason }] }`. */
export async function selfTest(context) {
  if (!existsSync(join(context.root, 'dist/index.js'))) {
    return {
      reason: `the package is not built (${join(context.root, 'dist')} is missing)`,
      ops: [],
    };
  }
  const [native, composed] = [
    await runSelfTest(context, {}),
    await runSelfTest(context, { TFJS_CUDA_NORM_DEVICE: 'composed' }),
  ];
  const broken = native.reason ?? composed.reason;
  if (broken) {
    return { reason: `${native.reason ? '' : 'composed ops: '}${broken}`, ops: [] };
  }
  const ops = Object.entries(native.results).map(([name, result]) => {
    const expected = composed.results[name];
    const reason = result.error ?? expected.error;
    const error = reason ? null : largestError(result.values, expected.values);
    return {
      name,
      ok: !reason && error <= TOLERANCE,
      error,
      milliseconds: result.milliseconds,
      reason: reason ?? '',
    };
  });
  return { ...native.device, nativeCalls: native.calls, ops };
}

/** What is wrong (`problems`) and what could be better (`advice`), each with what to do. */
export function judge(facts) {
  const problems = [];
  const advice = [];
  const { tfjsNode, libtensorflow, libraries, selfTest: test, gpu } = facts;
  if (!tfjsNode.works) {
    problems.push(
      `tfjs-node does not load: ${tfjsNode.reason}. ${tfjsNode.path ? SETUP : '"npm install @tensorflow/tfjs-node"'}. Until then tensors live on tfjs's plain cpu backend; our ops use the host kernels there where the op library loads, else plain tfjs ops.`,
    );
  }
  const used = libraries.candidates.filter(({ kind }) => kind !== 'emulated');
  for (const { kind, path, loads, reason } of used) {
    if (!loads && reason !== 'not built') {
      problems.push(`the ${kind} library ${path} does not load: ${reason}. ${SETUP}.`);
    }
  }
  if (used.every(({ reason }) => reason === 'not built')) {
    problems.push(
      `no op library in ${libraries.folder}. ${SETUP}; until then ops are composed of plain tfjs ops.`,
    );
  }
  if (test.reason && test.ops.length === 0) {
    problems.push(`the self-test did not run: ${test.reason}`);
  }
  for (const { name, ok, error, reason } of test.ops) {
    if (!ok) {
      problems.push(
        `self-test of ${name}: ${reason || `differs from the composed op by ${error}`}`,
      );
    }
  }
  if (gpu.gpus.length > 0) {
    const cuda = used.find(({ kind }) => kind === 'cuda');
    if (libtensorflow.path && !libtensorflow.cuda) {
      advice.push(
        'there is a GPU, and TensorFlow is a CPU build: set LIBTENSORFLOW_DIR to the tensorflow folder of a Python environment with "tensorflow[and-cuda]" and run setup again',
      );
    }
    if (!cuda?.loads) {
      advice.push(
        'there is a GPU, and the library with CUDA kernels is not in use: run "npx tfjs-cuda-norm setup --cuda"',
      );
    }
    for (const device of cuda?.devices?.devices ?? []) {
      if (!device.hasCode) {
        problems.push(
          `no code for ${device.name} (compute capability ${device.computeCapability}) in ${cuda.path}, which has ${cuda.architectures.join(', ')}. Set CUDAARCHS=${device.computeCapability.replace('.', '')} and ${SETUP}.`,
        );
      }
    }
  }
  return { problems, advice };
}

/** Collects everything; `json` prints it as one JSON object. Resolves to the exit code. */
export async function doctor({
  json = false,
  write = (text) => process.stdout.write(text),
  ...options
} = {}) {
  const context = makeContext(options);
  const tensorflow = await tensorflowFacts(context);
  const facts = {
    package: {
      version: readJson(join(context.root, 'package.json')).version,
      path: context.root,
      cache: context.cache,
    },
    platform: platformFacts(),
    node: nodeFacts(),
    ...tensorflow,
    gpu: await gpuFacts(context),
    compiler: await compilerFacts(context),
    libraries: await libraryFacts(context),
    selfTest: await selfTest(context),
  };
  const report = { ...facts, ...judge(facts) };
  write(json ? `${JSON.stringify(report, null, 2)}\n` : printReport(report));
  return report.problems.length > 0 ? 1 : 0;
}
