// What is wrong with a machine (`problems`) and what could be better (`advice`), each with what to do.
import { tooOld } from '../setup/driver.mjs';

const SETUP = 'run "npx tfjs-cuda-norm setup"';
const CUDA_SETUP = 'run "npx tfjs-cuda-norm setup --cuda"';

/** The GPUs as CUDA itself lists them, else as the driver's files and tools do. */
export function gpusOf({ gpu, libraries }) {
  const cuda = libraries.candidates.find(({ kind, loads }) => kind === 'cuda' && loads);
  const known = cuda?.devices?.devices ?? [];
  return known.length > 0 ? known : gpu.gpus;
}

/** Whether there is a driver, by its files or by what CUDA says. */
const hasDriver = ({ gpu }, cuda) => gpu.found || cuda?.devices?.driver > 0;

/** Whether a library has machine code for a GPU; without it the driver compiles PTX, once. */
export function hasMachineCode(architectures, computeCapability) {
  const [major, minor] = computeCapability.split('.').map(Number);
  return architectures.some((architecture) => {
    const [, of, at] = /^sm_(\d+)(\d)$/.exec(architecture) ?? [];
    return Number(of) === major && Number(at) <= minor;
  });
}

function judgeTfjsNode({ tfjsNode }) {
  return tfjsNode.works
    ? []
    : [
        `tfjs-node does not load: ${tfjsNode.reason}. ${tfjsNode.path ? SETUP : '"npm install @tensorflow/tfjs-node"'}. Until then tensors live on tfjs's plain cpu backend; our ops use the host kernels there where the op library loads, else plain tfjs ops.`,
      ];
}

function judgeLibraries(used, { folder }) {
  const problems = used
    .filter(({ loads, reason }) => !loads && reason !== 'not built')
    .map(
      ({ kind, path, reason }) => `the ${kind} library ${path} does not load: ${reason}. ${SETUP}.`,
    );
  if (used.every(({ reason }) => reason === 'not built')) {
    problems.push(
      `no op library in ${folder}. ${SETUP}; until then ops are composed of plain tfjs ops.`,
    );
  }
  return problems;
}

function judgeSelfTest({ selfTest: test }) {
  const problems = [];
  if (test.reason && test.ops.length === 0) {
    problems.push(`the self-test did not run: ${test.reason}`);
  }
  for (const [of, tests] of [
    ['', test.ops],
    [' against the host', test.raw ?? []],
  ]) {
    const failed = tests.filter(({ ok }) => !ok);
    const [first] = failed;
    if (first) {
      const others =
        failed.length > 1 ? ` (and ${failed.length - 1} others of ${tests.length})` : '';
      problems.push(
        `self-test of ${first.name}${of}${others}: ${first.reason || `differs by ${first.error}`}. Where nothing above explains it, please report it with "npx tfjs-cuda-norm doctor --json".`,
      );
    }
  }
  return problems;
}

/** The driver, when there is one: new enough, and with a GPU. */
function judgeDriver({ gpu, libtensorflow }, cuda, gpus) {
  const problems = [];
  if (hasDriver({ gpu }, cuda) && gpus.length === 0) {
    const hidden = cuda?.devices?.message ? ` (CUDA says: ${cuda.devices.message})` : '';
    problems.push(
      `${gpu.found ? gpu.reason : 'the NVIDIA driver shows no GPU'}${hidden}. See that nvidia-smi lists one; a container needs "--gpus all", and CUDA_VISIBLE_DEVICES must not be empty.`,
    );
  }
  const old = libtensorflow.cuda && tooOld(gpu.driver, 'tensorflow');
  if (old) {
    problems.push(`TensorFlow's CUDA build runs CUDA 12: ${old}. Install a newer NVIDIA driver.`);
  }
  const { driver, runtime } = cuda?.devices ?? {};
  if (driver > 0 && Math.floor(driver / 1000) < Math.floor(runtime / 1000)) {
    problems.push(
      `the driver allows CUDA ${version(driver)}, and our kernels are of CUDA ${version(runtime)}. Install a newer NVIDIA driver (580 or newer for CUDA 13), or build them with the nvcc of an older CUDA: CUDACXX=PATH npx tfjs-cuda-norm build.`,
    );
  }
  return problems;
}

/** A version as CUDA writes it: 13000 is 13.0. */
export const version = (number) =>
  `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`;

/** TensorFlow on a machine with a GPU: the CUDA build, its libraries, the device it makes. */
function judgeTensorFlow({ tfjsNode, libtensorflow, cudaLibraries = [] }) {
  if (!libtensorflow.path) {
    return [];
  }
  if (!libtensorflow.cuda) {
    return [`there is a GPU, and TensorFlow is a CPU build, which does not use it: ${CUDA_SETUP}.`];
  }
  const missing = cudaLibraries.filter(({ needed, found }) => needed && !found);
  const problems = missing.map(({ name, purpose, reason }) =>
    name === 'libcuda.so.1'
      ? `${name} (${purpose}) does not load: ${reason}. Install the NVIDIA driver; a container needs "--gpus all".`
      : `${name} (${purpose}) does not load: ${reason}. To bring it, ${CUDA_SETUP}.`,
  );
  if (problems.length === 0 && tfjsNode.works && !tfjsNode.gpu) {
    problems.push(
      "TensorFlow is a CUDA build with all its libraries, and makes no GPU device. TF_CPP_MIN_LOG_LEVEL=0 makes it say why; see CUDA_VISIBLE_DEVICES and the driver's version.",
    );
  }
  return problems;
}

/** Our kernels on a machine with a GPU: the library, its code for each GPU, the stream. */
function judgeKernels({ tfjsNode, libtensorflow, libraries, selfTest }, cuda, gpus) {
  const problems = [];
  const advice = [];
  if (!cuda?.loads) {
    problems.push(
      `there is a GPU, and no library with CUDA kernels: ${CUDA_SETUP}. Until then our ops run on the host.`,
    );
  }
  for (const device of cuda?.devices?.devices ?? []) {
    const capability = device.computeCapability;
    if (!device.hasCode) {
      problems.push(
        `no code for ${device.name} (compute capability ${capability}) in ${cuda.path}, which has ${cuda.architectures.join(', ')}. Set CUDAARCHS=${capability.replace('.', '')} and ${SETUP}.`,
      );
    } else if (!hasMachineCode(cuda.architectures, capability)) {
      advice.push(
        `no machine code for ${device.name} (compute capability ${capability}): the driver compiles our PTX for it when an op first runs, and keeps it. Building with CUDAARCHS=${capability.replace('.', '')} saves that.`,
      );
    }
  }
  // Its version is known where tfjs-node loads.
  if (cuda?.loads && libtensorflow.cuda && libtensorflow.version && !libraries.streamFits) {
    const what = libraries.stream ? `is not of TensorFlow ${libtensorflow.version}` : 'is missing';
    problems.push(
      `the library that hands our kernels TensorFlow's stream ${what}, so they refuse to run on its GPU: ${CUDA_SETUP}.`,
    );
  }
  if (tfjsNode.gpu && cuda?.loads && selfTest.device && selfTest.device !== 'cuda') {
    problems.push(
      `TensorFlow has a GPU, and our ops run on ${selfTest.device}: ${selfTest.why}. See TFJS_CUDA_NORM_DEVICE.`,
    );
  }
  if (gpus.length > 1) {
    advice.push(
      `there are ${gpus.length} GPUs: tfjs-node puts tensors on the last and runs ops on the first. Set CUDA_VISIBLE_DEVICES to the one that a process is to use.`,
    );
  }
  return { problems, advice };
}

/** `{ problems, advice }`, in the order of the report. */
export function judge(facts) {
  const used = facts.libraries.candidates.filter(({ kind }) => kind !== 'emulated');
  const cuda = used.find(({ kind }) => kind === 'cuda');
  const gpus = gpusOf(facts);
  const problems = [
    ...judgeDriver(facts, cuda, gpus),
    ...judgeTfjsNode(facts),
    ...judgeLibraries(used, facts.libraries),
  ];
  const advice = [];
  if (gpus.length > 0 || facts.tfjsNode.gpu) {
    problems.push(...judgeTensorFlow(facts));
    const kernels = judgeKernels(facts, cuda, gpus);
    problems.push(...kernels.problems);
    advice.push(...kernels.advice);
  }
  problems.push(...judgeSelfTest(facts));
  return { problems, advice };
}
