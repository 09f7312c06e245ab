// Puts the package together in a folder of its own: what package.json's `files` names, and the prebuilt libraries.
import { copyFileSync, cpSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bindingKey, compiledBinding } from '../setup/binding.mjs';
import { contentKey } from '../setup/build.mjs';
import { isOlder, PREBUILT } from '../setup/prebuilt.mjs';
import { run, which } from '../setup/process.mjs';
import { readJson, writeJson } from '../setup/store.mjs';
import { inspectLibrary } from '../setup/tensorflow.mjs';

import { neededVersions, shippingProblems } from './symbols.mjs';

export const MOST_BYTES = 30 * 1024 * 1024;

const LIBRARIES = [
  'libtfjs_cuda_norm.so',
  'libtfjs_cuda_norm_profile.so',
  'libtfjs_cuda_norm_stream.so',
  'tfjs_cuda_norm.node',
];
/** What tfjs-node's binding asks for; setup puts links under these names beside it. */
const TENSORFLOW = [
  'libtensorflow.so',
  'libtensorflow.so.2',
  'libtensorflow_cc.so.2',
  'libtensorflow_framework.so',
  'libtensorflow_framework.so.2',
];

async function npm(args, cwd) {
  const { code, stdout, output } = await run('npm', args, { cwd });
  if (code !== 0) {
    throw new Error(`npm ${args.join(' ')}: ${output}`);
  }
  return stdout;
}

/** What npm would pack from the checkout, by its `files`. */
export async function packedFiles(root) {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=silent'];
  return JSON.parse(await npm(args, root))[0].files.map(({ path }) => path);
}

/** The prebuilt libraries in a folder, with prebuilt.json. */
async function addPrebuilt(context, folder, { libraries, tfjsNode, release }) {
  mkdirSync(folder, { recursive: true });
  const { path, version } = tfjsNode;
  const library = inspectLibrary(join(path, 'deps'));
  const built = Object.fromEntries(LIBRARIES.map((name) => [name, join(libraries, name)]));
  const binding = await compiledBinding(context, path, library, join(path, 'deps/lib'));
  const files = { ...built, 'tfjs_binding.node': binding };
  const sizes = {};
  let glibc = '2.17';
  for (const [name, source] of Object.entries(files)) {
    const target = join(folder, name);
    copyFileSync(source, target);
    if (which('strip', context.env)) {
      await run('strip', ['--strip-unneeded', target]);
    }
    const problems = await shippingProblems(target, name === 'tfjs_binding.node' ? TENSORFLOW : []);
    if (problems.length > 0) {
      throw new Error(`${name} cannot be shipped: ${problems.join('; ')}`);
    }
    const { GLIBC = glibc } = await neededVersions(target);
    glibc = isOlder(glibc, GLIBC) ? GLIBC : glibc;
    sizes[name] = statSync(target).size;
  }
  const described = await describe(
    context,
    join(folder, 'libtfjs_cuda_norm.so'),
    join(folder, 'tfjs_cuda_norm.node'),
  );
  writeJson(join(folder, 'prebuilt.json'), {
    platform: `${process.platform}-${process.arch}`,
    release,
    architectures: described.architectures,
    glibc,
    napi: 8,
    tensorflow: version,
    binding: bindingKey(path),
    sources: contentKey(context.root, ['CMakeLists.txt', 'cmake', 'native']),
    files: sizes,
  });
}

/** What the op library says of itself, asked in another process. */
async function describe(context, library, addon) {
  const script = `process.stdout.write(JSON.stringify(require(process.argv[1]).load(process.argv[2], [])))`;
  const { code, stdout, output } = await run(process.execPath, ['-e', script, addon, library], {
    env: context.env,
  });
  if (code !== 0) {
    throw new Error(`${library} does not load: ${output}`);
  }
  return JSON.parse(stdout);
}

/**
 * Packs into `destination`: `{ tarball, packed, unpacked, facts }`, sizes in bytes. `libraries` is the folder of the built
 * libraries, `tfjsNode` what setup found; `release` says that they are those to publish.
 */
export async function assemble(context, destination, { libraries, tfjsNode, release = false }) {
  const staging = join(destination, 'package');
  rmSync(staging, { recursive: true, force: true });
  for (const path of await packedFiles(context.root)) {
    mkdirSync(dirname(join(staging, path)), { recursive: true });
    cpSync(join(context.root, path), join(staging, path));
  }
  await addPrebuilt(context, join(staging, PREBUILT), { libraries, tfjsNode, release });
  const args = [
    'pack',
    '--json',
    '--ignore-scripts',
    '--loglevel=silent',
    `--pack-destination=${destination}`,
  ];
  const [{ filename, size, unpackedSize }] = JSON.parse(await npm(args, staging));
  const facts = readJson(join(staging, PREBUILT, 'prebuilt.json'));
  if (size > MOST_BYTES) {
    throw new Error(`the package has ${size} bytes, more than ${MOST_BYTES}`);
  }
  return { tarball: join(destination, filename), packed: size, unpacked: unpackedSize, facts };
}
