// tfjs-core's own specs on backend `tensorflow`, once with stock tfjs-node and once with our library loaded.
// Both runs must agree name by name, and with the committed list of known failures.
//
//   node test/peers/run.mjs [--update]     --update rewrites known-failures.json from the stock run
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const cache = join(root, 'build', 'peers');
const knownPath = join(here, 'known-failures.json');
const require = createRequire(import.meta.url);

/** tfjs-core with its specs as one CommonJS file, made once per version. */
async function bundle() {
  const core = dirname(require.resolve('@tensorflow/tfjs-core/package.json'));
  const { version } = JSON.parse(readFileSync(join(core, 'package.json'), 'utf8'));
  const outfile = join(cache, `tfjs-core-${version}.cjs`);
  if (existsSync(outfile)) return outfile;
  mkdirSync(cache, { recursive: true });
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(here, 'entry.mjs')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    external: ['jasmine-core/*'],
    // package.json's `sideEffects` list would drop nearly every spec.
    ignoreAnnotations: true,
    logLevel: 'error',
  });
  return outfile;
}

function runSuite(corePath, withOurs) {
  const out = join(cache, withOurs ? 'with.json' : 'without.json');
  const started = Date.now();
  const { status, signal } = spawnSync(
    process.execPath,
    [join(here, 'suite.cjs'), corePath, withOurs ? 'with' : 'without', out],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { TF_CPP_MIN_LOG_LEVEL: '3', ...process.env } },
  );
  if (status !== 0)
    throw new Error(`${withOurs ? 'with' : 'without'} our library: ended with ${signal ?? status}`);
  const result = JSON.parse(readFileSync(out, 'utf8'));
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(
    `${withOurs ? `with our library (${result.device})` : 'stock tfjs-node'}: ${summary(result)} in ${seconds} s`,
  );
  return result;
}

function summary({ specs }) {
  const counts = {};
  for (const { status } of Object.values(specs)) counts[status] = (counts[status] ?? 0) + 1;
  return Object.entries(counts)
    .map(([status, n]) => `${n} ${status}`)
    .join(', ');
}

const failuresOf = ({ specs }) =>
  Object.keys(specs)
    .filter((name) => specs[name].status === 'failed')
    .sort();

// TensorFlow chooses kernels by the processor, and their messages differ: a spec of `onSomeProcessors` may pass
// or fail, but as in the stock run.
const readKnown = () => JSON.parse(readFileSync(knownPath, 'utf8'));

const corePath = await bundle();
const stock = runSuite(corePath, false);
const ours = runSuite(corePath, true);
if (process.argv.includes('--update')) {
  const { onSomeProcessors } = readKnown();
  const always = failuresOf(stock).filter((name) => !onSomeProcessors.includes(name));
  writeFileSync(knownPath, `${JSON.stringify({ always, onSomeProcessors }, null, 2)}\n`);
}

const problems = [];
for (const name of new Set([...Object.keys(stock.specs), ...Object.keys(ours.specs)])) {
  const [before, after] = [stock.specs[name], ours.specs[name]];
  if (before?.status !== after?.status) {
    const why = after?.message ?? before?.message ?? '';
    problems.push(
      `${name}: ${before?.status ?? 'absent'} stock, ${after?.status ?? 'absent'} with our library. ${why}`,
    );
  }
}
const { always, onSomeProcessors } = readKnown();
const known = new Set([...always, ...onSomeProcessors]);
for (const name of failuresOf(ours)) {
  if (!known.has(name))
    problems.push(`${name}: fails and is not in known-failures.json. ${ours.specs[name].message}`);
}
for (const name of always) {
  const status = ours.specs[name]?.status ?? 'absent';
  if (status !== 'failed') problems.push(`${name}: in known-failures.json, but is ${status}`);
}
for (const problem of problems) console.log(`FAILED ${problem}`);

// A known failure that fails as expected is a pass of this comparison.
const compared = Object.values(ours.specs).filter(
  ({ status }) => status === 'passed' || status === 'failed',
).length;
console.log(`${Math.max(0, compared - problems.length)} passed, ${problems.length} failed`);
process.exitCode = problems.length ? 1 : 0;
