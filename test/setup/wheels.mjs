// Wheels of a few bytes, requirements that pin them, and a pip that takes them from a folder: nothing comes from outside.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeMachine, write } from './support.mjs';

const MAKE = `
import json, sys, zipfile
for path, members in json.load(sys.stdin).items():
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in members.items():
            wheel.writestr(name, text)`;

const TENSORFLOW = (build) => ({
  'tensorflow/libtensorflow_cc.so.2': `main ${build}`,
  'tensorflow/libtensorflow_framework.so.2': `framework ${build} ${build === 'cuda' ? 'nvidia/cudnn/lib' : ''}`,
  'tensorflow/include/tensorflow/c/c_api.h': '',
  'tensorflow/python.py': 'not taken',
});
const NVIDIA = (part) => ({
  [`nvidia/${part}/lib/lib${part}.so.12`]: part,
  [`nvidia/${part}/include/x.h`]: '',
});
const WHEELS = {
  'tensorflow-cpu': TENSORFLOW('cpu'),
  tensorflow: TENSORFLOW('cuda'),
  'nvidia-cublas-cu12': NVIDIA('cublas'),
  'nvidia-cuda-runtime-cu12': NVIDIA('cuda_runtime'),
  'nvidia-cudnn-cu12': NVIDIA('cudnn'),
  'nvidia-cuda-nvcc-cu12': {
    'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc': '',
    'nvidia/cuda_nvcc/bin/ptxas': '',
  },
};

// pip download -d FOLDER -r FILE takes the wheel that FILE names out of ~/wheels; everything else is the real Python.
// PIP: what goes wrong; SLOW: seconds that a download takes.
const python = (real) => `
case "$*" in
  *"pip --version"*) [ "$PIP" = none ] && { echo "No module named pip"; exit 1; }; echo "pip 1"; exit 0;;
  *"-m pip download"*) ;;
  *) exec ${real} "$@";;
esac
while [ $# -gt 0 ]; do case "$1" in -d) out="$2";; -r) read line < "$2";; esac; shift; done
name="\${line%%==*}"
echo "$name" >> "$HOME/calls"
echo half > "$TMPDIR/half.whl"
[ -n "$SLOW" ] && sleep "$SLOW"
case "$PIP" in
  offline) echo "ERROR: Could not find a version (Temporary failure in name resolution)" >&2; exit 1;;
  hash) echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" >&2; exit 1;;
  full) echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1;;
  truncated) echo "truncated" > "$out/$name-1.0-py3-none-any.whl"; exit 0;;
esac
cp "$HOME/wheels/$name.whl" "$out/$name-1.0-py3-none-any.whl"`;

/** A machine (support.mjs) whose context pins these wheels and whose pip has them. */
export function makeMachineWithWheels(test, options = {}) {
  // The interpreter itself: a version manager's python3 is a script that needs more of a PATH.
  const real = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  }).trim();
  const machine = makeMachine(test, {
    ...options,
    programs: { python3: python(real), ...options.programs },
  });
  const { folder, context } = machine;
  mkdirSync(join(folder, 'wheels'));
  const files = Object.fromEntries(
    Object.entries(WHEELS).map(([name, members]) => [
      join(folder, 'wheels', `${name}.whl`),
      members,
    ]),
  );
  execFileSync(real, ['-c', MAKE], { input: JSON.stringify(files) });
  const line = (name) => {
    const sum = createHash('sha256').update(readFileSync(join(folder, 'wheels', `${name}.whl`)));
    return `${name}==1.0 --hash=sha256:${sum.digest('hex')}  # 1 MB, 2 MB unpacked`;
  };
  context.requirements = { cpu: join(folder, 'cpu.txt'), cuda: join(folder, 'cuda.txt') };
  write(context.requirements.cpu, line('tensorflow-cpu'));
  const others = Object.keys(WHEELS).filter((name) => name !== 'tensorflow-cpu');
  write(context.requirements.cuda, others.map(line).join('\n'));
  return machine;
}

/** The wheels that pip was asked for, in order. */
export function downloads({ folder }) {
  try {
    return readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}
