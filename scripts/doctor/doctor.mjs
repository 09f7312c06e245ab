// `npx tfjs-cuda-norm doctor`: explains the machine, and says what is wrong and what to do about it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeContext } from '../setup/context.mjs';
import { run, tail } from '../setup/process.mjs';
import { readJson } from '../setup/store.mjs';
import { cudaLibraryFacts } from './cudaLibraries.mjs';
import {
  compilerFacts,
  gpuFacts,
  libraryFacts,
  nodeFacts,
  platformFacts,
  tensorflowFacts,
} from './facts.mjs';
import { judge } from './judge.mjs';
import { printReport } from './report.mjs';

// Of values of size about 1 to 10, in float32, in two different orders of summation.
const TOLERANCE = 2e-4;

async function runSelfTest(context, tfjsNode, env) {
  const script = fileURLToPath(new URL('./selftest.mjs', import.meta.url));
  const result = await run(
    process.execPath,
    [script, join(context.root, 'dist/index.js'), ...(tfjsNode ? [tfjsNode] : [])],
    {
      cwd: context.project,
      env: { TF_CPP_MIN_LOG_LEVEL: '2', ...context.env, ...env },
    },
  );
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

/** An error of tfjs-node without what it puts around our message. */
const said = (message = '') => message.replace(/^Invalid TF_Status: \d+\s+Message: /, '');

/** The largest difference of two results of one op, relative to the larger of 1 and the expected value. */
export function largestError(found, expected) {
  let worst = 0;
  for (const [i, values] of expected.entries()) {
    if (found[i]?.length !== values.length) {
      return Number.POSITIVE_INFINITY;
    }
    for (const [j, value] of values.entries()) {
      const same = Object.is(found[i][j], value) || found[i][j] === value;
      const error = same ? 0 : Math.abs(found[i][j] - value) / Math.max(1, Math.abs(value));
      // Written so that NaN is worst.
      worst = error <= worst ? worst : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    }
  }
  return worst;
}

/**
 * `{ device, backend, why, ops, raw }`: public ops, native against composed; and `raw`, every native op on TensorFlow's
 * device against the host kernels. Both are lists of `{ name, ok, error, milliseconds, reason }`.
 */
export async function selfTest(context, tfjsNode) {
  if (!existsSync(join(context.root, 'dist/index.js'))) {
    return {
      reason: `the package is not built (${join(context.root, 'dist')} is missing)`,
      ops: [],
    };
  }
  const [native, composed] = [
    await runSelfTest(context, tfjsNode, {}),
    await runSelfTest(context, tfjsNode, { TFJS_CUDA_NORM_DEVICE: 'composed' }),
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
  const raw = Object.entries(native.raw).map(
    ([name, { values, expected, error: reason, milliseconds }]) => {
      const error = reason ? null : largestError(values, expected);
      return { name, ok: !reason && error <= TOLERANCE, error, milliseconds, reason: said(reason) };
    },
  );
  const { reason: why, ...device } = native.device;
  return { ...device, why, nativeCalls: native.calls, ops, raw };
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
    libraries: await libraryFacts(context, tensorflow.libtensorflow.version),
    cudaLibraries: tensorflow.libtensorflow.cuda
      ? await cudaLibraryFacts(context, tensorflow.libtensorflow)
      : [],
    selfTest: await selfTest(context, tensorflow.tfjsNode.path),
  };
  const report = { ...facts, ...judge(facts) };
  write(json ? `${JSON.stringify(report, null, 2)}\n` : printReport(report));
  return report.problems.length > 0 ? 1 : 0;
}
