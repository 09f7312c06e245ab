// The CUDA 12 libraries that TensorFlow's CUDA build opens by name: each tried in a child process, as TensorFlow would.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../setup/process.mjs';
import { holds } from '../setup/tensorflow.mjs';

/** What TensorFlow makes no GPU device without, and what others are for. */
const NEEDED = [
  'libcudart.so.12',
  'libcublas.so.12',
  'libcublasLt.so.12',
  'libcudnn.so.9',
  'libcufft.so.11',
  'libcusolver.so.11',
  'libcusparse.so.12',
];
const OTHERS = {
  'libcupti.so.12': "TensorFlow's profiler",
  'libnccl.so.2': 'several GPUs',
  'libnvrtc.so.12': "cuDNN's kernels that are compiled at run time",
  'libnvJitLink.so.12': 'libcusparse and libcusolver of NVIDIA',
};
const DRIVER = 'libcuda.so.1';

// A library that is no addon is opened, then refused with other words than one that cannot be opened.
const TRY = `
const results = {};
for (const name of process.argv.slice(1)) {
  try {
    process.dlopen({ exports: {} }, name, require('node:os').constants.dlopen.RTLD_LAZY);
    results[name] = '';
  } catch (error) {
    results[name] = /did not self-register/.test(error.message) ? '' : error.message.split('\\n')[0];
  }
}
process.stdout.write('tried:' + JSON.stringify(results));
`;

const librariesIn = (nvidia, parts) =>
  parts.map((part) => join(nvidia, part, 'lib')).filter((path) => existsSync(path));

/** The folders of `names` for the loader, then those of LD_LIBRARY_PATH before them; what each name gives. */
async function tryNames(context, names, places) {
  const own = (context.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean);
  const folders = [...own, ...places];
  const result = await run(process.execPath, ['-e', TRY, ...names], {
    env: { ...context.env, LD_LIBRARY_PATH: folders.join(':') },
  });
  const tried = JSON.parse(/tried:(\{.*\})/.exec(result.stdout)?.[1] ?? '{}');
  return names.map((name) => {
    const reason =
      tried[name] ?? `the process that tried it died of ${result.signal ?? result.code}`;
    const folder = folders.find((path) => existsSync(join(path, name)));
    const path = folder ? join(folder, name) : 'on the system';
    return { name, found: reason === '', path: reason === '' ? path : undefined, reason };
  });
}

/**
 * `[{ name, found, path, needed, purpose, reason }]`, the driver's own library first. TensorFlow's are looked for where
 * libtensorflow_framework's RUNPATH says, NVIDIA's own everywhere under nvidia/, as they find each other.
 */
export async function cudaLibraryFacts(context, { nvidia, framework }) {
  const all = nvidia && existsSync(nvidia) ? readdirSync(nvidia) : [];
  const named = all.filter((part) => holds(framework, [`/../nvidia/${part}/lib`]));
  const places = librariesIn(nvidia, named.length > 0 ? named : all);
  const needed = await tryNames(context, [DRIVER, ...NEEDED], places);
  const others = await tryNames(context, Object.keys(OTHERS), librariesIn(nvidia, all));
  return [
    ...needed.map((facts) => ({
      ...facts,
      needed: true,
      purpose: facts.name === DRIVER ? 'the driver' : "TensorFlow's GPU device",
    })),
    ...others.map((facts) => ({ ...facts, needed: false, purpose: OTHERS[facts.name] })),
  ];
}
