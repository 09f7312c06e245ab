// The libraries that the published package brings: when they are used, and what may be shipped.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { neededLibraries, neededVersions, shippingProblems } from '../../scripts/pack/symbols.mjs';
import { libraryFolder } from '../../scripts/setup/context.mjs';
import { isOlder, PREBUILT, prebuilt } from '../../scripts/setup/prebuilt.mjs';
import { run } from '../../scripts/setup/process.mjs';
import { makeMachine, write } from './support.mjs';

const MACHINE = { platform: 'linux-x64', glibc: '2.36' };
const FACTS = { platform: 'linux-x64', glibc: '2.34', files: { 'tfjs_cuda_norm.node': 3 } };

function withPrebuilt(t, facts = FACTS) {
  const { folder } = makeMachine(t);
  write(join(folder, PREBUILT, 'prebuilt.json'), JSON.stringify(facts));
  write(join(folder, PREBUILT, 'tfjs_cuda_norm.node'), 'abc');
  return folder;
}

test('versions compare number by number', () => {
  assert.ok(isOlder('2.4', '2.34'));
  assert.ok(isOlder('2.34', '2.34.1'));
  for (const [a, b] of [
    ['2.34', '2.34'],
    ['2.35', '2.34'],
    ['3.0', '2.99'],
    ['2.34.1', '2.34'],
  ]) {
    assert.ok(!isOlder(a, b), `${a} and ${b}`);
  }
});

test('a checkout brings nothing', (t) => {
  assert.equal(prebuilt(makeMachine(t).folder, MACHINE), undefined);
});

test('libraries are used where they can be, and otherwise it says why not', (t) => {
  const folder = withPrebuilt(t);
  assert.deepEqual(prebuilt(folder, MACHINE), { folder: join(folder, PREBUILT), facts: FACTS });
  const reason = (machine) => prebuilt(folder, { ...MACHINE, ...machine }).reason;
  assert.match(reason({ platform: 'linux-arm64' }), /for linux-x64, this is linux-arm64/);
  assert.match(reason({ glibc: '2.31' }), /need glibc 2.34, this is 2.31/);
  assert.match(reason({ glibc: undefined }), /need glibc 2.34, this is another C library/);
  const broken = withPrebuilt(t, { ...FACTS, files: { ...FACTS.files, 'other.so': 1 } });
  assert.match(prebuilt(broken, MACHINE).reason, /other.so is missing/);
});

test('what was built here comes before what the package brings', (t) => {
  const folder = withPrebuilt(t);
  assert.equal(libraryFolder({}, folder), join(folder, PREBUILT));
  write(join(folder, 'build/Release/tfjs_cuda_norm.node'), '');
  assert.equal(libraryFolder({}, folder), join(folder, 'build/Release'));
  assert.equal(libraryFolder({ TFJS_CUDA_NORM_LIBRARY_DIR: '/other' }, folder), '/other');
  assert.equal(libraryFolder({}, '/nowhere'), '/nowhere/build/Release');
});

test('a library that asks for more than the system has cannot be shipped', async (t) => {
  const { folder } = makeMachine(t);
  const compile = async (name, text, ...options) => {
    write(join(folder, `${name}.c`), text);
    const file = join(folder, `lib${name}.so`);
    const args = ['-shared', '-fPIC', join(folder, `${name}.c`), '-o', file, ...options];
    const { code, output } = await run('cc', args);
    assert.equal(code, 0, output);
    return file;
  };
  const own = await compile('own', 'int own(void) { return 1; }\n');
  const other = await compile(
    'other',
    'int own(void); int puts(const char*); int other(void) { return own() + puts(""); }\n',
    `-L${folder}`,
    '-lown',
  );
  assert.deepEqual(await neededLibraries(other), ['libown.so', 'libc.so.6']);
  assert.match((await neededVersions(other)).GLIBC, /^2\.\d+/);
  assert.deepEqual(await shippingProblems(own), []);
  assert.deepEqual(await shippingProblems(other), ['it needs libown.so']);
  assert.deepEqual(await shippingProblems(other, ['libown.so']), []);
  assert.deepEqual(await shippingProblems(other, ['libown.so'], { GLIBC: '2.0' }), [
    'it needs GLIBC 2.2.5, newer than 2.0',
  ]);
  await assert.rejects(neededVersions(join(folder, 'own.c')), /objdump/);
});
