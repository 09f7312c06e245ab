// A tfjs-node of a few files, in the layouts of npm, pnpm and yarn. It "loads" where the two libraries under deps/lib and
// its binding fit together, as the real one does.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { write } from './support.mjs';

const INDEX = `
const { readFileSync } = require('node:fs');
const read = (path) => readFileSync(require('node:path').join(__dirname, path), 'utf8');
const main = read('deps/lib/libtensorflow.so.2');
const framework = read('deps/lib/libtensorflow_framework.so.2');
const binding = read('lib/napi-v8/tfjs_binding.node');
const build = /^main (\\w+)/.exec(main)?.[1];
if (!build || !framework.startsWith('framework ' + build)) throw new Error('Error: ' + main + ' is not of ' + framework);
if (binding !== 'its own') read('deps/lib/libtensorflow_cc.so.2');
if (process.env.BREAK === build) throw new Error('Error: invalid ELF header');
const tensor = { arraySync: () => [[17], [39]] };
module.exports = {
  tensor2d: () => tensor, matMul: () => tensor, getBackend: () => 'tensorflow',
  backend: () => ({ binding: { TF_Version: '1.0-' + build }, isUsingGpuDevice: false }),
};`;

const MANIFEST = (name, version) =>
  JSON.stringify({
    name,
    version,
    main: 'index.js',
    binary: {
      module_name: 'tfjs_binding',
      module_path: './lib/napi-v{napi_build_version}',
      napi_versions: [3, 8],
    },
  });

/**
 * Installs it for a machine of support.mjs. `at`: its real folder; `linked`: the links that lead there; `own`: with the
 * libraries and the binding that its own install script brings.
 */
export function installTfjsNode(machine, options = {}) {
  const { name = '@tensorflow/tfjs-node', version = '4.22.0', own = false, linked = [] } = options;
  const path = join(machine.folder, options.at ?? `node_modules/${name}`);
  write(join(path, 'package.json'), MANIFEST(name, version));
  write(join(path, 'index.js'), INDEX);
  write(join(path, 'binding/tfjs_backend.cc'), '');
  write(join(machine.folder, 'node_modules/node-api-headers/package.json'), '{"version": "1.0.0"}');
  write(join(machine.folder, 'package.json'), '{"name": "project"}');
  if (own) {
    write(join(path, 'deps/lib/libtensorflow.so.2.9.1'), 'main own');
    symlinkSync('libtensorflow.so.2.9.1', join(path, 'deps/lib/libtensorflow.so.2'));
    symlinkSync('libtensorflow.so.2', join(path, 'deps/lib/libtensorflow.so'));
    write(join(path, 'deps/lib/libtensorflow_framework.so.2'), 'framework own');
    write(join(path, 'deps/include/tensorflow/c/c_api.h'), 'own');
    write(join(path, 'deps/LICENSE'), '');
    write(join(path, 'lib/napi-v8/tfjs_binding.node'), 'its own');
  }
  for (const place of linked) {
    const link = join(machine.folder, place);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), path), link);
  }
  return path;
}

/** A c++ that writes a binding into the file after -o. */
export const COMPILER = 'while [ "$1" != -o ]; do shift; done; printf ours > "$2"';

/** Everything under a folder: path to content, or to the text of a link. */
export function treeOf(folder) {
  const tree = {};
  const visit = (path) => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const at = join(path, entry.name);
      if (entry.isDirectory()) {
        tree[at] = 'folder';
        visit(at);
      } else {
        tree[at] = entry.isSymbolicLink()
          ? `-> ${readlinkSync(join(folder, at))}`
          : readFileSync(join(folder, at), 'utf8');
      }
    }
  };
  visit('');
  return tree;
}

const PRODUCTS = [
  'tfjs_cuda_norm.node',
  'libtfjs_cuda_norm.so',
  'libtfjs_cuda_norm_host.so',
  'libtfjs_cuda_norm_stream.so',
];

/** Fake compilers with which the native build succeeds. */
export const BUILD_TOOLS = {
  nvcc: 'echo "Cuda compilation tools, release 13.0, V13.0.1"',
  cmake: `mkdir -p build/Release; for file in ${PRODUCTS.join(' ')}; do printf '\\0001.0-cuda\\000' > build/Release/$file; done`,
  make: '',
  'c++': COMPILER,
};
