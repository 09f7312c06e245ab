// What doctor says of a machine in every state, over the stand-in driver: a table of states and the problems and advice
// that it must find, and no others. The self-test runs in one state only; TensorFlow's own kernels compute nothing here.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cudaLibraryFacts } from '../../scripts/doctor/cudaLibraries.mjs';
import { doctor } from '../../scripts/doctor/doctor.mjs';
import { gpuFacts, libraryFacts, tensorflowFacts } from '../../scripts/doctor/facts.mjs';
import { judge } from '../../scripts/doctor/judge.mjs';
import { makeContext } from '../../scripts/setup/context.mjs';

/** `driver`: its version, undefined for none; `gpus`: lines of nvidia-smi. Problems and advice are patterns. */
const states = ({ complete, lacking, foreign, standIn, noDriver, noCudnn }) => ({
  fine: {},
  'no driver': { driver: undefined, gpus: 0, search: noDriver },
  'no device': {
    gpus: 0,
    env: { DEVICES: '0' },
    problems: [/^the NVIDIA driver shows no GPU here.*CUDA says: the NVIDIA driver shows no CUDA/],
  },
  'two devices': {
    gpus: 2,
    env: { DEVICES: '2' },
    advice: [/^there are 2 GPUs: .* Set CUDA_VISIBLE_DEVICES/],
  },
  'a driver too old for our kernels': {
    driver: '570.86.15',
    env: { VERSION: '12080' },
    problems: [/^the driver allows CUDA 12\.8, and our kernels are of CUDA 13\.0\. Install/],
  },
  // tfjs-node does not notice that TensorFlow could not make its devices.
  'a driver too old for TensorFlow': {
    driver: '470.256.02',
    env: { VERSION: '11040' },
    problems: [
      /^TensorFlow's CUDA build runs CUDA 12: driver 470\.256\.02 allows CUDA 11\.4, and 525 or newer/,
      /^the driver allows CUDA 11\.4, and our kernels are of CUDA 13\.0/,
      /^tfjs-node does not load: died of SIGSEGV/,
    ],
  },
  'no cuDNN': {
    search: noCudnn,
    problems: [/^libcudnn\.so\.9 \(TensorFlow's GPU device\) does not load: .* setup --cuda/],
  },
  'no stream library': {
    libraries: lacking,
    problems: [/^the library that hands our kernels TensorFlow's stream is missing/],
  },
  'a stream library of another TensorFlow': {
    libraries: foreign,
    problems: [
      /^the library that hands our kernels TensorFlow's stream is not of TensorFlow 2\.21/,
    ],
  },
  defaults: { driver: '580.82.07', gpus: 1, search: standIn, libraries: complete },
});

/** The files and programs of a machine with a driver: what /proc and nvidia-smi tell. */
function makeMachine(folder, { driver, gpus }) {
  const proc = join(folder, 'proc');
  const bin = join(folder, 'bin');
  mkdirSync(proc, { recursive: true });
  mkdirSync(bin, { recursive: true });
  if (driver) {
    writeFileSync(
      join(proc, 'version'),
      `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${driver}  Release\n`,
    );
  }
  const line = `Stand-in GPU, 9.0, 8192 MiB, ${driver}`;
  const says = driver && gpus > 0 ? `echo "${line}"\n`.repeat(gpus) : 'exit 6\n';
  writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\n${says}`);
  chmodSync(join(bin, 'nvidia-smi'), 0o755);
  return { proc, bin };
}

function assertFound(what, found, wanted = []) {
  assert.equal(found.length, wanted.length, `${what}: ${JSON.stringify(found, null, 1)}`);
  wanted.forEach((pattern, i) => {
    assert.match(found[i], pattern, what);
  });
}

async function findings(context) {
  const tensorflow = await tensorflowFacts(context);
  return judge({
    ...tensorflow,
    gpu: await gpuFacts(context),
    libraries: await libraryFacts(context, tensorflow.libtensorflow.version),
    cudaLibraries: await cudaLibraryFacts(context, tensorflow.libtensorflow),
    selfTest: { ops: [], raw: [] },
  });
}

/** Doctor as a whole, as the command runs it: everything is right but what TensorFlow's own kernels were to compute. */
async function whole(options, emulated) {
  let text = '';
  const write = (more) => {
    text += more;
  };
  // The emulated kernels in the place of ours, which compute nothing on this device.
  const env = {
    ...options.env,
    TFJS_CUDA_NORM_DEVICE: 'emulated',
    TFJS_CUDA_NORM_LIBRARY_DIR: emulated,
  };
  await doctor({ ...options, env, json: true, write });
  const report = JSON.parse(text);
  assert.equal(report.tfjsNode.gpu, true);
  assert.equal(report.libtensorflow.cuda, true);
  assert.deepEqual(
    report.cudaLibraries.filter(({ needed, found }) => needed && !found),
    [],
  );
  assert.ok(report.selfTest.raw.length > 40);
  assert.deepEqual(
    report.selfTest.raw.filter(({ ok }) => !ok),
    [],
  );
}

/** Runs every state; `{ passed, failed }`. `places` are the folders of run.mjs. */
export async function checkDoctor(context, places, environment) {
  const { defaults, ...table } = states(places);
  const counts = { passed: 0, failed: 0 };
  const check = async (name, body) => {
    try {
      await body();
      counts.passed++;
    } catch (error) {
      counts.failed++;
      console.log(`doctor, ${name}: ${error.message}`);
    }
  };
  const optionsOf = (name, state) => {
    const { proc, bin } = makeMachine(join(places.folder, 'machines', name), state);
    const ours = Object.entries(state.env ?? {});
    const env = {
      ...environment([state.search]),
      ...Object.fromEntries(ours.map(([key, value]) => [`TFJS_CUDA_NORM_STAND_IN_${key}`, value])),
      TFJS_CUDA_NORM_LIBRARY_DIR: state.libraries,
      PATH: `${bin}:${context.env.PATH}`,
    };
    return { root: context.root, project: places.folder, env, machine: { proc } };
  };
  for (const [name, change] of Object.entries(table)) {
    const state = { ...defaults, ...change };
    await check(name, async () => {
      const { problems, advice } = await findings(makeContext(optionsOf(name, state)));
      assertFound('problems', problems, state.problems);
      assertFound('advice', advice, state.advice);
    });
  }
  await check('the whole of it', () =>
    whole(optionsOf('whole', defaults), join(context.root, 'build/Release')),
  );
  return counts;
}
