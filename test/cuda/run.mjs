// TensorFlow's CUDA build under tfjs-node over the stand-in driver: the road from a tensor to a kernel on a GPU, on a
// machine without one. Every process takes a file of this folder; each ends with "N passed, N failed".
//
//   node test/cuda/run.mjs [NAME...]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeContext } from '../../scripts/setup/context.mjs';
import { makeLog } from '../../scripts/setup/log.mjs';
import { run } from '../../scripts/setup/process.mjs';
import { ensureStream } from '../../scripts/setup/stream.mjs';
import { lastCounts } from '../../scripts/stages/run.mjs';
import { checkDoctor } from './doctor.mjs';
import { makePythonTests } from './python.mjs';
import { libraryFolder, makeRoad, roadEnvironment, standIn, standInWithout } from './road.mjs';

const context = makeContext({ log: makeLog() });
const { root } = context;
const { folder, tfjsNode, library } = await makeRoad(context, 'cuda-road');
const STREAM = 'libtfjs_cuda_norm_stream.so';
const PRETENDED = '2.99.9';
// The real library's objects over the stand-in runtime; without the helper, they have no stream.
const real = {
  'tfjs_cuda_norm.node': 'tfjs_cuda_norm.node',
  'libtfjs_cuda_norm.so': 'stand-in/library/libtfjs_cuda_norm.so',
};
const complete = libraryFolder(context, join(folder, 'complete'), { ...real, [STREAM]: STREAM });
const lacking = libraryFolder(context, join(folder, 'lacking'), real);
// As setup compiles it for a TensorFlow that is not the pinned one; and the same code, told that it is for this one.
const foreign = libraryFolder(context, join(folder, 'foreign'), real);
const { include } = library;
await ensureStream(context, { version: PRETENDED, include }, foreign);
const compiled = libraryFolder(context, join(folder, 'compiled'), real);
const bytes = readFileSync(join(foreign, STREAM), 'latin1');
writeFileSync(join(compiled, STREAM), bytes.replace(PRETENDED, '2.21.0'), 'latin1');

/** A process of child.cjs: what it is called, the file it runs, its environment beside the road's. */
const child = (name, file, env, libraries) => ({
  name,
  command: process.execPath,
  args: [join(root, 'test/cuda/child.cjs'), tfjsNode, join(root, 'test/cuda', file)],
  env: roadEnvironment(context, env, libraries),
});

/** The real library on a machine in some state, nothing being asked of it. */
const state = (name, { device, reason, error }, env = {}, libraries = undefined) =>
  child(
    name,
    'state.ts',
    {
      TFJS_CUDA_NORM_LIBRARY_DIR: complete,
      EXPECT_DEVICE: device,
      EXPECT_REASON: reason,
      ...(error ? { EXPECT_ERROR: error } : {}),
      ...env,
    },
    libraries,
  );
const ON_THE_CPU = {
  device: 'host',
  reason: 'TensorFlow has no GPU device: its CPU device runs the host kernels',
};
// An empty file in its place, so that a machine's own driver is not found.
const noDriver = standInWithout(root, folder, 'libcuda.so.1');
writeFileSync(join(noDriver, 'libcuda.so.1'), '');
const noCudnn = standInWithout(root, folder, 'libcudnn.so.9');
const emulated = { TFJS_CUDA_NORM_DEVICE: 'emulated' };
const cuda = (libraries) => ({
  TFJS_CUDA_NORM_DEVICE: 'cuda',
  TFJS_CUDA_NORM_LIBRARY_DIR: libraries,
});
const TWO = { TFJS_CUDA_NORM_STAND_IN_DEVICES: '2' };

const processes = [
  // First: it waits for ten of its eleven seconds, while the others run.
  child('full', 'full.ts', emulated),
  child('values', 'values.ts', emulated),
  child('launches', 'launches.ts', cuda(compiled)),
  child('two devices', 'devices.ts', { ...cuda(complete), ...TWO }),
  child('one of two', 'visible.ts', { ...cuda(complete), ...TWO, CUDA_VISIBLE_DEVICES: '1' }),
  child('no stream library', 'noStream.ts', {
    ...cuda(lacking),
    REFUSAL:
      'no access to the CUDA stream of TensorFlow 2\\.21\\.0: .*libtfjs_cuda_norm_stream\\.so: cannot open',
  }),
  child('that of another TensorFlow', 'noStream.ts', {
    ...cuda(foreign),
    REFUSAL: `was built for TensorFlow ${PRETENDED}, this process runs TensorFlow 2\\.21\\.0`,
  }),
  state('no driver', ON_THE_CPU, {}, [noDriver]),
  state('no device', ON_THE_CPU, { TFJS_CUDA_NORM_STAND_IN_DEVICES: '0' }),
  state('no cuDNN', ON_THE_CPU, {}, [noCudnn]),
  state(
    'a driver too old for our kernels',
    {
      device: 'cuda',
      reason:
        "our kernels cannot use TensorFlow's GPU: the NVIDIA driver supports CUDA 12\\.8, expected 13\\.0 or newer",
      error:
        'TfjsRmsNorm: launch of kernel RowForward .* failed: CUDA driver version is insufficient',
    },
    { TFJS_CUDA_NORM_STAND_IN_VERSION: '12080' },
  ),
  {
    name: 'libraries linked, and doctor',
    command: process.execPath,
    args: [join(root, 'test/cuda/linked.mjs'), complete],
    env: context.env,
  },
  await makePythonTests(context, library),
];

/** Runs a part and says what it counted. */
async function timed(name, part) {
  const started = Date.now();
  const { passed, failed } = await part();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${name}: ${passed} passed, ${failed} failed in ${seconds} s`);
  return { passed, failed };
}

const runProcess = ({ name, command, args, env }) =>
  timed(name, async () => {
    const { code, signal, output } = await run(command, args, { cwd: root, env });
    const counts = lastCounts(output) ?? { passed: 0, failed: 1 };
    // A process that ends badly after it counted has failed too.
    const failed = code === 0 ? counts.failed : Math.max(1, counts.failed);
    if (failed > 0) {
      console.log(`${output}\n${name} ended with ${signal ?? code}`);
    }
    return { passed: counts.passed, failed };
  });

const asked = processes.filter(
  ({ name }) => process.argv.length === 2 || process.argv.includes(name),
);
const waiting = asked.filter(({ name }) => name === 'full').map(runProcess);
const results = [];
for (const each of asked.filter(({ name }) => name !== 'full')) {
  results.push(await runProcess(each));
}
if (process.argv.length === 2 || process.argv.includes('doctor')) {
  const places = { folder, complete, lacking, foreign, noDriver, noCudnn, standIn: standIn(root) };
  const environment = (libraries) => roadEnvironment(context, {}, libraries);
  results.push(await timed('doctor', () => checkDoctor(context, places, environment)));
}
results.push(...(await Promise.all(waiting)));
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
