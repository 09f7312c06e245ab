// Makes the folder that `scripts/gpu-check --tensorflow` needs on a machine with a GPU and neither packages nor network:
// tfjs-node's JavaScript as one file, our package with the program as another, and the native files beside them.
//   node scripts/gpu-program.mjs [FOLDER]      default build/gpu-program; needs a built checkout
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bindingPlace } from './setup/probe.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const NATIVE = ['tfjs_cuda_norm.node', 'libtfjs_cuda_norm_stream.so'];
const OPTIONS = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' };

/** tfjs-node asks node-pre-gyp where its binding is. */
const bindingBeside = {
  name: 'binding-beside',
  setup(builder) {
    builder.onResolve({ filter: /^@mapbox\/node-pre-gyp$/ }, ({ path }) => ({
      path,
      namespace: 'binding-beside',
    }));
    builder.onLoad({ filter: /.*/, namespace: 'binding-beside' }, () => ({
      contents: `const { dirname, join } = require('node:path');
        exports.find = (file) => join(dirname(file), 'lib/napi-v8/tfjs_binding.node');`,
      resolveDir: root,
    }));
  },
};

/** test/support/everyOp.ts reads a folder at run time; a bundle needs its files by name. */
const opsByName = {
  name: 'ops-by-name',
  setup(builder) {
    builder.onLoad({ filter: /test\/support\/everyOp\.ts$/ }, ({ path }) => {
      const folder = join(dirname(path), 'ops');
      const files = readdirSync(folder).sort();
      return {
        contents: `const entries = [${files.map((file) => `require('./ops/${file}')`).join(', ')}];
          export const rawOps = entries.flatMap((entry) => entry.rawOps);`,
        resolveDir: dirname(path),
        loader: 'ts',
      };
    });
  },
};

export async function makeProgram(folder = join(root, 'build/gpu-program')) {
  const release = join(root, 'build/Release');
  const missing = NATIVE.filter((file) => !existsSync(join(release, file)));
  if (missing.length > 0) {
    throw new Error(
      `gpu-program: ${missing.join(' and ')} not in ${release}: run npm run build first`,
    );
  }
  const require = createRequire(join(root, 'package.json'));
  const tfjsNode = dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
  const copy = join(folder, 'node_modules/@tensorflow/tfjs-node');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(copy, 'lib/napi-v8'), { recursive: true });
  await build({
    ...OPTIONS,
    entryPoints: [join(tfjsNode, 'dist/index.js')],
    outfile: join(copy, 'dist/index.js'),
    plugins: [bindingBeside],
  });
  cpSync(join(tfjsNode, 'package.json'), join(copy, 'package.json'));
  copyFileSync(bindingPlace(tfjsNode).path, join(copy, 'lib/napi-v8/tfjs_binding.node'));
  await build({
    ...OPTIONS,
    entryPoints: [join(root, 'test/gpu/program.ts')],
    outfile: join(folder, 'program.js'),
    plugins: [opsByName],
  });
  for (const file of NATIVE) {
    copyFileSync(join(release, file), join(folder, file));
  }
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = await makeProgram(process.argv[2] && resolve(process.argv[2]));
  process.stdout.write(`${folder}\n`);
}
