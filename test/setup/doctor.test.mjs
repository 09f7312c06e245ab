// What doctor says of machines, healthy and not: every line that fails says what to do.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cudaLibraryFacts } from '../../scripts/doctor/cudaLibraries.mjs';
import { hasMachineCode, judge } from '../../scripts/doctor/judge.mjs';
import { printReport } from '../../scripts/doctor/report.mjs';
import { driverFacts } from '../../scripts/setup/driver.mjs';
import { H100, makeCudaMachine } from './cuda-machine.mjs';
import { makeMachine, write } from './support.mjs';

const CPU = {
  package: { version: '1', path: '/p', cache: '/c' },
  platform: {
    system: 's',
    architecture: 'x64',
    libc: 'glibc 2.36',
    kernel: 'k',
    cpu: 'c',
    threads: 2,
  },
  node: { version: '20.0.0', napi: 9, utilShim: 'not needed' },
  compiler: { reason: 'no nvcc' },
  tfjsNode: { works: true, gpu: false, name: 'tfjs-node', version: '4.22.0', path: '/t' },
  libtensorflow: { path: '/l', version: '2.21.0', cuda: false },
  gpu: { found: false, gpus: [], reason: 'no NVIDIA driver on this machine' },
  libraries: {
    folder: '/b',
    stream: '/b/s',
    streamFits: true,
    candidates: [
      {
        kind: 'cuda',
        path: '/b/c',
        loads: true,
        reason: '',
        architectures: ['sm_80', 'sm_90', 'compute_90'],
        ops: 46,
        devices: { driver: 0, runtime: 13000, devices: [], message: '' },
      },
    ],
  },
  cudaLibraries: [],
  selfTest: {
    device: 'host',
    backend: 'tensorflow',
    why: '',
    ops: [{ name: 'layerNorm', ok: true, error: 0, milliseconds: 1, reason: '' }],
    raw: [{ name: 'TfjsLayerNorm', ok: true, error: 0, milliseconds: 1, reason: '' }],
  },
};
const DEVICE = { name: 'NVIDIA H100', computeCapability: '9.0', totalMemory: 85e9, hasCode: true };
const [LIBRARY] = CPU.libraries.candidates;

/** A healthy CUDA machine. `cuda` changes what our CUDA library says of it, `devices` its GPUs. */
function cudaMachine({ cuda = {}, devices = [DEVICE], libraries = {}, ...change } = {}) {
  const known = { driver: 13000, runtime: 13000, devices, message: '' };
  return {
    ...CPU,
    tfjsNode: { ...CPU.tfjsNode, gpu: true },
    libtensorflow: { ...CPU.libtensorflow, cuda: true },
    gpu: {
      found: true,
      driver: '580.82.07',
      allows: '13.0',
      gpus: devices.map(({ name, computeCapability }) => ({ name, computeCapability })),
      reason: '',
    },
    libraries: {
      ...CPU.libraries,
      candidates: [{ ...LIBRARY, devices: known, ...cuda }],
      ...libraries,
    },
    cudaLibraries: [
      { name: 'libcudnn.so.9', found: true, needed: true, path: '/n/libcudnn.so.9', purpose: 'x' },
    ],
    selfTest: { ...CPU.selfTest, device: 'cuda' },
    ...change,
  };
}

test('a machine without a GPU and a healthy CUDA machine: nothing is wrong', () => {
  assert.deepEqual(judge(CPU), { problems: [], advice: [] });
  const facts = cudaMachine();
  assert.deepEqual(judge(facts), { problems: [], advice: [] });
  const lines = printReport({ ...facts, ...judge(facts) }).split('\n');
  const at = (start) => lines.findIndex((line) => line.startsWith(start));
  const order = [
    'NVIDIA driver',
    'GPUs',
    'libtensorflow',
    '  CUDA build',
    '  libcudnn.so.9',
    'tfjs-node',
    '  cuda',
    '  stream',
    'self-test',
  ];
  const places = order.map(at);
  assert.ok(
    places.every((place, i) => place >= 0 && (i === 0 || place > places[i - 1])),
    `${places}`,
  );
  assert.match(lines[at('NVIDIA driver')], /580\.82\.07, allows CUDA 13\.0/);
  assert.match(lines[at('GPUs')], /NVIDIA H100, compute capability 9\.0, .*we have machine code/);
});

const NOT_LOADED = {
  name: 'libcudnn.so.9',
  found: false,
  needed: true,
  purpose: "TensorFlow's GPU device",
  reason: 'cannot open',
};
const OPS = (names) =>
  names.map((name) => ({ name, ok: false, error: 0.5, milliseconds: 1, reason: '' }));
for (const [title, facts, problem] of [
  [
    'tfjs-node that does not load',
    { ...CPU, tfjsNode: { works: false, reason: 'no libtensorflow', path: '/p' } },
    /no libtensorflow.*tfjs-cuda-norm setup/,
  ],
  [
    'no op library',
    {
      ...CPU,
      libraries: {
        folder: '/b',
        candidates: [{ kind: 'host', loads: false, reason: 'not built' }],
      },
    },
    /no op library in \/b/,
  ],
  [
    'a wrong op',
    { ...CPU, selfTest: { ...CPU.selfTest, ops: OPS(['rmsNorm']) } },
    /rmsNorm: differs by 0\.5/,
  ],
  [
    'a self-test that died',
    { ...CPU, selfTest: { ops: [], reason: 'died of SIGSEGV' } },
    /SIGSEGV/,
  ],
  [
    'many wrong native ops, in one line',
    cudaMachine({ selfTest: { ...CPU.selfTest, device: 'cuda', raw: OPS(['A', 'B', 'C']) } }),
    /self-test of A against the host \(and 2 others of 3\): differs by 0\.5/,
  ],
  [
    'a CPU build of TensorFlow',
    cudaMachine({ libtensorflow: CPU.libtensorflow }),
    /TensorFlow is a CPU build.*setup --cuda/,
  ],
  [
    'a missing CUDA library',
    cudaMachine({ cudaLibraries: [NOT_LOADED] }),
    /libcudnn\.so\.9 .*cannot open.*setup --cuda/,
  ],
  [
    'a missing driver library',
    cudaMachine({ cudaLibraries: [{ ...NOT_LOADED, name: 'libcuda.so.1' }] }),
    /libcuda\.so\.1 .*Install the NVIDIA driver/,
  ],
  [
    'TensorFlow without a GPU device',
    cudaMachine({ tfjsNode: CPU.tfjsNode }),
    /makes no GPU device.*CUDA_VISIBLE_DEVICES/,
  ],
  [
    'a driver too old for TensorFlow',
    cudaMachine({ gpu: { found: true, driver: '470.82.01', gpus: [DEVICE], reason: '' } }),
    /470\.82\.01 allows CUDA 11\.4.*newer NVIDIA driver/,
  ],
  [
    'a driver too old for our kernels',
    cudaMachine({
      cuda: { devices: { driver: 12040, runtime: 13000, devices: [], message: 'insufficient' } },
    }),
    /allows CUDA 12\.4, and our kernels are of CUDA 13\.0/,
  ],
  [
    'a driver without a GPU',
    cudaMachine({
      devices: [],
      gpu: { found: true, gpus: [], reason: 'the NVIDIA driver shows no GPU here' },
    }),
    /shows no GPU here.*--gpus all/,
  ],
  [
    'no code for the GPU',
    cudaMachine({ devices: [{ ...DEVICE, computeCapability: '7.0', hasCode: false }] }),
    /no code for NVIDIA H100.*CUDAARCHS=70/,
  ],
  [
    'no CUDA library',
    cudaMachine({ cuda: { loads: false, reason: 'not built', devices: undefined } }),
    /no library with CUDA kernels.*setup --cuda/,
  ],
  [
    'no stream library',
    cudaMachine({ libraries: { stream: undefined, streamFits: false } }),
    /TensorFlow's stream is missing.*setup --cuda/,
  ],
  [
    'a stream library of another TensorFlow',
    cudaMachine({ libraries: { streamFits: false } }),
    /stream is not of TensorFlow 2\.21\.0/,
  ],
  [
    'ops that run on the host',
    cudaMachine({ selfTest: { ...CPU.selfTest, why: 'asked for' } }),
    /TensorFlow has a GPU, and our ops run on host: asked for/,
  ],
]) {
  test(`doctor finds ${title}`, () => {
    const found = judge(facts);
    assert.equal(
      found.problems.filter((text) => problem.test(text)).length,
      1,
      found.problems.join('\n'),
    );
    assert.ok(printReport({ ...facts, ...found }).includes('PROBLEM'));
  });
}

test('PTX that the driver compiles is advice, as are several GPUs', () => {
  const newer = { ...DEVICE, name: 'Newer', computeCapability: '10.0' };
  const one = judge(cudaMachine({ devices: [newer] }));
  assert.deepEqual(one.problems, []);
  assert.match(
    one.advice.join(),
    /no machine code for Newer \(compute capability 10\.0\).*CUDAARCHS=100/,
  );
  assert.match(
    judge(cudaMachine({ devices: [DEVICE, DEVICE] })).advice.join(),
    /2 GPUs.*CUDA_VISIBLE_DEVICES/,
  );
  assert.equal(hasMachineCode(['sm_80', 'compute_90'], '8.9'), true);
  assert.equal(hasMachineCode(['sm_86', 'compute_80'], '8.0'), false);
  assert.equal(hasMachineCode(['sm_90', 'sm_120'], '12.0'), true);
  assert.equal(hasMachineCode(['sm_90a'], '9.0'), false);
});

test('the driver by its files and by nvidia-smi', async (t) => {
  const machine = makeCudaMachine(t, { gpu: H100, tfjsNode: false });
  const context = { ...machine.context, proc: machine.machine.proc };
  const facts = await driverFacts(context);
  assert.deepEqual([facts.version, facts.allows], ['580.82.07', '13.0']);
  assert.deepEqual(facts.gpus, [
    { name: 'NVIDIA H100', computeCapability: '9.0', memory: '81559 MiB' },
  ]);
  const bare = makeMachine(t).context;
  const proc = join(bare.root, 'proc');
  assert.match((await driverFacts({ ...bare, proc })).reason, /no NVIDIA driver/);
  write(join(proc, 'version'), 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu\n');
  assert.match((await driverFacts({ ...bare, proc })).reason, /shows no GPU/);
  write(join(proc, 'gpus/0000:01:00.0/information'), 'Model: \t\t NVIDIA A10G\nIRQ: 5\n');
  const found = await driverFacts({ ...bare, proc });
  assert.deepEqual(
    [found.version, found.allows, found.gpus],
    ['550.54.14', '12.4', [{ name: 'NVIDIA A10G' }]],
  );
});

test('a CUDA library is looked for where the RUNPATH of libtensorflow_framework says, and what is damaged is not found', async (t) => {
  const { context, folder } = makeMachine(t);
  const framework = join(folder, 'framework');
  write(framework, '$ORIGIN/../nvidia/cudnn/lib:$ORIGIN/../nvidia/cublas/lib');
  write(join(folder, 'nvidia/cudnn/lib/libcudnn.so.9'), 'no library at all');
  write(join(folder, 'nvidia/cusolver/lib/libcusolver.so.11'), 'not in the RUNPATH');
  const facts = await cudaLibraryFacts(context, { nvidia: join(folder, 'nvidia'), framework });
  const reason = (name) => facts.find((library) => library.name === name).reason;
  assert.match(reason('libcudnn.so.9'), /too short|invalid ELF header/);
  assert.match(reason('libcusolver.so.11'), /cannot open shared object file/);
  assert.equal(facts[0].name, 'libcuda.so.1');
  assert.ok(facts.every(({ found, purpose }) => purpose && found === false));
});
