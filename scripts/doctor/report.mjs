// doctor's facts as text for people, in the order in which one depends on the other.
import { gpusOf, hasMachineCode, version } from './judge.mjs';

const yesNo = (value) => (value ? 'yes' : 'no');

function library({ kind, loads, reason, architectures, ops }) {
  const holds = loads
    ? `loads, ${ops} ops${architectures.length ? `, code for ${architectures.join(' ')}` : ''}`
    : reason;
  return [`  ${kind}`, holds];
}

function driverText({ gpu, libraries }) {
  const { driver } = libraries.candidates.find(({ kind }) => kind === 'cuda')?.devices ?? {};
  const allows = driver > 0 ? version(driver) : gpu.allows;
  if (!gpu.found && !(driver > 0)) {
    return gpu.reason;
  }
  return `${gpu.driver ?? 'of unknown version'}${allows ? `, allows CUDA ${allows}` : ''}`;
}

function codeFor(device, architectures) {
  if (!device.hasCode) {
    return 'NO code for it';
  }
  return hasMachineCode(architectures, device.computeCapability)
    ? 'we have machine code for it'
    : 'we have PTX for it, which the driver compiles once';
}

function gpuRows(report) {
  const cuda = report.libraries.candidates.find(({ kind, loads }) => kind === 'cuda' && loads);
  const listed = gpusOf(report);
  if (listed.length === 0) {
    return [['GPUs', 'none']];
  }
  return listed.map((device, i) => {
    const memory = device.totalMemory
      ? `${Math.round(device.totalMemory / 2 ** 20)} MiB`
      : device.memory;
    const facts = [
      device.name,
      device.computeCapability && `compute capability ${device.computeCapability}`,
      memory,
      device.hasCode !== undefined && codeFor(device, cuda.architectures),
    ];
    return [i === 0 ? 'GPUs' : '', facts.filter(Boolean).join(', ')];
  });
}

function cudaLibraryRows({ cudaLibraries }) {
  return cudaLibraries.map(({ name, found, path, needed, purpose, reason }) => [
    `  ${name}`,
    found ? path : `${needed ? 'MISSING' : 'missing'} (${purpose}): ${reason}`,
  ]);
}

function streamText({ libraries, libtensorflow }) {
  if (!libraries.stream) {
    return "not built: the CUDA kernels cannot join TensorFlow's GPU device";
  }
  return libraries.streamFits
    ? `of TensorFlow ${libtensorflow.version}`
    : `NOT of TensorFlow ${libtensorflow.version ?? '(which does not load)'}`;
}

function selfTestRows({ selfTest }) {
  if (selfTest.ops.length === 0) {
    return [['self-test', `did not run: ${selfTest.reason}`]];
  }
  const row = ({ name, ok, error, milliseconds, reason }) => [
    `  ${name}`,
    reason
      ? `FAILED: ${reason}`
      : `${ok ? 'ok' : 'FAILED'}, largest difference ${error.toExponential(1)}, ${milliseconds.toFixed(1)} ms`,
  ];
  const rows = [
    ['self-test', 'native against composed, forward and backward'],
    ...selfTest.ops.map(row),
  ];
  if (selfTest.raw.length > 0) {
    const where = selfTest.device === 'cuda' ? 'GPU' : `TensorFlow (${selfTest.device})`;
    rows.push(['self-test', `each native op, ${where} against the host kernels`]);
    rows.push(...selfTest.raw.map(row));
  }
  return rows;
}

/** The report as aligned lines, problems and advice at the end. */
export function printReport(report) {
  const { platform, node, tfjsNode, libtensorflow, compiler, libraries, selfTest } = report;
  const rows = [
    ['tfjs-cuda-norm', `${report.package.version}, ${report.package.path}`],
    ['user cache', report.package.cache],
    [
      'platform',
      `${platform.system}, ${platform.architecture}, ${platform.libc}, kernel ${platform.kernel}`,
    ],
    ['processor', `${platform.cpu}, ${platform.threads} threads`],
    ['node', `${node.version}, N-API ${node.napi}, util functions for tfjs-node: ${node.utilShim}`],
    ['NVIDIA driver', driverText(report)],
    ...gpuRows(report),
    [
      'libtensorflow',
      libtensorflow.path
        ? `${libtensorflow.version ?? 'unknown version'}, ${libtensorflow.path}`
        : (libtensorflow.reason ?? 'none'),
    ],
    ['  CUDA build', libtensorflow.path ? yesNo(libtensorflow.cuda) : 'unknown'],
    ...cudaLibraryRows(report),
    [
      'tfjs-node',
      tfjsNode.path ? `${tfjsNode.name} ${tfjsNode.version}, ${tfjsNode.path}` : tfjsNode.reason,
    ],
    [
      '  loads',
      tfjsNode.works
        ? `yes, its device is the ${tfjsNode.gpu ? 'GPU' : 'CPU'}`
        : `NO: ${tfjsNode.reason}`,
    ],
    ['op libraries', libraries.folder],
    ...libraries.candidates.map(library),
    ['  stream', streamText(report)],
    [
      'CUDA compiler',
      compiler.nvcc ? `${compiler.release}, ${compiler.nvcc} (${compiler.from})` : compiler.reason,
    ],
    [
      'in use',
      selfTest.device
        ? `${selfTest.device}, backend ${selfTest.backend}${selfTest.why ? `: ${selfTest.why}` : ''}`
        : 'unknown',
    ],
    ...selfTestRows(report),
  ];
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const lines = rows.map(([name, text]) => `${name.padEnd(width)}${text}`);
  const notes = [
    ...report.problems.map((text) => `PROBLEM  ${text}`),
    ...report.advice.map((text) => `ADVICE   ${text}`),
  ];
  return `${[...lines, '', ...(notes.length > 0 ? notes : ['Nothing is wrong.'])].join('\n')}\n`;
}
