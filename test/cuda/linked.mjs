// The CUDA libraries where setup links them, in deps/nvidia beside tfjs-node's deps/lib, only the driver's own on
// LD_LIBRARY_PATH: TensorFlow finds each of them, and doctor tells what it sees of that and of a library that is missing.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { doctor } from '../../scripts/doctor/doctor.mjs';
import { makeContext } from '../../scripts/setup/context.mjs';
import { linkLibrary } from '../../scripts/setup/link.mjs';
import { makeLog } from '../../scripts/setup/log.mjs';
import { run } from '../../scripts/setup/process.mjs';
import { makeRoad, roadEnvironment, standIn } from './road.mjs';

const PARTS = {
  cuda_runtime: ['libcudart.so.12'],
  cublas: ['libcublas.so.12', 'libcublasLt.so.12'],
  cudnn: ['libcudnn.so.9'],
  cufft: ['libcufft.so.11'],
  cusolver: ['libcusolver.so.11'],
  cusparse: ['libcusparse.so.12'],
};
const DRIVER = ['libcuda.so.1', 'libnvidia-ml.so.1'];
const [, , complete] = process.argv;

const context = makeContext({ log: makeLog() });
const { folder, tfjsNode, library } = await makeRoad(context, 'cuda-road-linked');

function copyTo(place, files) {
  mkdirSync(place, { recursive: true });
  for (const file of files) {
    cpSync(join(standIn(context.root), file), join(place, file));
  }
  return place;
}
const nvidia = join(folder, 'site/nvidia');
for (const [part, files] of Object.entries(PARTS)) {
  copyTo(join(nvidia, part, 'lib'), files);
}
const env = {
  ...roadEnvironment(context, {}, [copyTo(join(folder, 'driver'), DRIVER)]),
  TFJS_CUDA_NORM_LIBRARY_DIR: complete,
};
linkLibrary(tfjsNode, { ...library, nvidia });

async function examine() {
  let text = '';
  const write = (part) => {
    text += part;
  };
  const code = await doctor({ root: context.root, project: folder, env, json: true, write });
  const report = JSON.parse(text);
  const of = (name) => report.cudaLibraries.find((entry) => entry.name === name);
  return { code, report, of, problems: report.problems.join('\n') };
}

let passed = 0;
let failed = 0;
async function test(name, work) {
  try {
    await work();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`${name}: ${error.stack}`);
  }
}

await test('TensorFlow finds every library beside itself, and doctor tells the way from driver to device', async () => {
  const { code, report, of, problems } = await examine();
  assert.deepEqual([report.tfjsNode.gpu, report.tfjsNode.works], [true, true], problems);
  assert.equal(report.libtensorflow.cuda, true);
  for (const name of Object.values(PARTS).flat()) {
    assert.match(of(name).path, /deps\/\.tfjs-cuda-norm\/.*nvidia/, name);
  }
  assert.equal(report.libraries.streamFits, true);
  const [device] = report.libraries.candidates.find(({ kind }) => kind === 'cuda').devices.devices;
  assert.equal(device.hasCode, true);
  // Kernels over the stand-in compute nothing, and doctor says so.
  assert.equal(code, 1);
  assert.match(problems, /self-test of .* against the host \(and .* others of .*\): differs/);
  assert.doesNotMatch(problems, /does not load|no code for|stream/);
});

await test('without cuFFT: which library, what to do, and that TensorFlow is on the CPU', async () => {
  rmSync(join(nvidia, 'cufft/lib/libcufft.so.11'));
  const { code, report, of, problems } = await examine();
  assert.equal(code, 1);
  assert.equal(report.tfjsNode.gpu, false);
  assert.equal(of('libcufft.so.11').found, false);
  assert.match(
    problems,
    /libcufft\.so\.11 \(TensorFlow's GPU device\) does not load.*setup --cuda/,
  );
  assert.match(report.selfTest.why, /TensorFlow has no GPU device.*this machine has a GPU/);
});

await test("a GPU beside the checkout's CPU build of TensorFlow is said once, with what to run", async () => {
  const dist = join(context.root, 'dist/index.js');
  const script = `const { norm } = require(${JSON.stringify(dist)}); norm.device(); norm.device();`;
  const { code, output } = await run(process.execPath, ['-e', script], { cwd: context.root, env });
  assert.equal(code, 0, output);
  const said = output.match(
    /this machine has a GPU \(Stand-in GPU 0\).*"npx tfjs-cuda-norm setup --cuda"/g,
  );
  assert.equal(said?.length, 1, output);
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
