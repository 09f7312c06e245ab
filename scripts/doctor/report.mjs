// doctor's facts as text for people.

const yesNo = (value) => (value ? 'yes' : 'no');

function library({ kind, loads, reason, architectures, ops }) {
  const holds = loads
    ? `loads, ${ops} ops${architectures.length ? `, code for ${architectures.join(' ')}` : ''}`
    : reason;
  return [`  ${kind}`, holds];
}

function gpus({ gpu, libraries }) {
  const known =
    libraries.candidates.find(({ kind, loads }) => kind === 'cuda' && loads)?.devices?.devices ??
    [];
  if (known.length > 0) {
    return known.map(
      (device) =>
        `${device.name}, compute capability ${device.computeCapability}, ${device.hasCode ? 'we carry code for it' : 'NO code for it'}`,
    );
  }
  return gpu.gpus.map(
    (device) => `${device.name}, compute capability ${device.computeCapability}, ${device.memory}`,
  );
}

function selfTestRows({ selfTest }) {
  if (selfTest.ops.length === 0) {
    return [['self-test', `did not run: ${selfTest.reason}`]];
  }
  return [
    ['self-test', 'native against composed, forward and backward'],
    ...selfTest.ops.map(({ name, ok, error, milliseconds, reason }) => [
      `  ${name}`,
      reason
        ? `FAILED: ${reason}`
        : `${ok ? 'ok' : 'FAILED'}, largest difference ${error.toExponential(1)}, ${milliseconds.toFixed(1)} ms`,
    ]),
  ];
}

/** The report as aligned lines, problems and advice at the end. */
export function printReport(report) {
  const { platform, node, tfjsNode, libtensorflow, gpu, compiler, libraries, selfTest } = report;
  const listed = gpus(report);
  const rows = [
    ['tfjs-cuda-norm', `${report.package.version}, ${report.package.path}`],
    ['user cache', report.package.cache],
    [
      'platform',
      `${platform.system}, ${platform.architecture}, ${platform.libc}, kernel ${platform.kernel}`,
    ],
    ['processor', `${platform.cpu}, ${platform.threads} threads`],
    ['node', `${node.version}, N-API ${node.napi}, util functions for tfjs-node: ${node.utilShim}`],
    [
      'tfjs-node',
      tfjsNode.path ? `${tfjsNode.name} ${tfjsNode.version}, ${tfjsNode.path}` : tfjsNode.reason,
    ],
    [
      '  loads',
      tfjsNode.works ? `yes, on ${tfjsNode.gpu ? 'GPU' : 'CPU'}` : `NO: ${tfjsNode.reason}`,
    ],
    [
      'libtensorflow',
      libtensorflow.path
        ? `${libtensorflow.version ?? 'unknown version'}, ${libtensorflow.path}`
        : (libtensorflow.reason ?? 'none'),
    ],
    ['  CUDA build', libtensorflow.path ? yesNo(libtensorflow.cuda) : 'unknown'],
    ['NVIDIA driver', gpu.driver ?? (gpu.reason || 'found, version unknown')],
    ['GPUs', listed.length > 0 ? listed.join('; ') : 'none'],
    [
      'CUDA compiler',
      compiler.nvcc ? `${compiler.release}, ${compiler.nvcc} (${compiler.from})` : compiler.reason,
    ],
    ['op libraries', libraries.folder],
    ...libraries.candidates.map(library),
    [
      '  stream',
      libraries.stream
        ? 'built'
        : "not built: the CUDA kernels cannot join TensorFlow's GPU device",
    ],
    [
      'in use',
      selfTest.device
        ? `${selfTest.device}, backend ${selfTest.backend}${selfTest.reason ? `: ${selfTest.reason}` : ''}`
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
