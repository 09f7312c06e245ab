import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  downloadWheel,
  findPython,
  readRequirements,
  unpackWheel,
} from '../../scripts/setup/pip.mjs';
import { run, which } from '../../scripts/setup/process.mjs';
import { makeMachine, write } from './support.mjs';

const WHEEL = 'not really a wheel';
const WANTED = {
  name: 'thing',
  version: '1.0',
  line: 'thing==1.0 --hash=sha256:00',
  hashes: [createHash('sha256').update(WHEEL).digest('hex')],
  bytes: 0,
};

// A python whose pip writes the wheel into the folder after -d, notes the call, and does what $PIP says before.
const FAKE_PYTHON = `
if [ "$1" = -c ]; then echo 3 11; exit 0; fi
if [ "$3" = --version ]; then echo "pip 1"; exit 0; fi
echo "$@" >> "$HOME/calls"
case "$PIP" in
  offline) echo "ERROR: No matching distribution found for thing==1.0" >&2; exit 1;;
  killed) echo half > "$TMPDIR/thing.whl.part"; kill -9 $$;;
esac
while [ "$1" != -d ]; do shift; done
printf '%s' '${WHEEL}' > "$2/thing-1.0-py3-none-any.whl"`;

const machineWithPip = (t, env) => makeMachine(t, { programs: { python3: FAKE_PYTHON }, env });
const calls = (machine) =>
  existsSync(join(machine.folder, 'calls'))
    ? readFileSync(join(machine.folder, 'calls'), 'utf8').trim().split('\n').length
    : 0;

test('a wheel is asked for with its hash and without dependencies', async (t) => {
  const machine = machineWithPip(t);
  const downloads = join(machine.folder, 'downloads');
  const wheel = await downloadWheel(machine.context, 'a step', 'python3', WANTED, downloads, [
    '--platform',
    'p',
  ]);
  assert.equal(readFileSync(wheel, 'utf8'), WHEEL);
  const call = readFileSync(join(machine.folder, 'calls'), 'utf8');
  for (const argument of [
    'download',
    '--no-deps',
    '--require-hashes',
    '--only-binary=:all:',
    '--platform p',
  ]) {
    assert.match(call, new RegExp(argument));
  }
  assert.deepEqual(readdirSync(downloads), ['thing'], 'scratch files are gone');
});

test('a finished wheel is not downloaded again; a damaged one is', async (t) => {
  const machine = machineWithPip(t);
  const downloads = join(machine.folder, 'downloads');
  const wheel = await downloadWheel(machine.context, 'a step', 'python3', WANTED, downloads);
  await downloadWheel(machine.context, 'a step', 'python3', WANTED, downloads);
  assert.equal(calls(machine), 1);
  write(wheel, 'cut off');
  await downloadWheel(machine.context, 'a step', 'python3', WANTED, downloads);
  assert.equal(calls(machine), 2);
  assert.equal(readFileSync(wheel, 'utf8'), WHEEL);
});

for (const [how, message] of [
  ['offline', /No matching distribution/],
  ['killed', /could not download thing 1\.0/],
]) {
  test(`pip ${how}: the step, the reason and the way out; the next run succeeds`, async (t) => {
    const machine = machineWithPip(t, { PIP: how });
    const downloads = join(machine.folder, 'downloads');
    await assert.rejects(
      downloadWheel(machine.context, 'a step', 'python3', WANTED, downloads),
      (error) => {
        assert.equal(error.name, 'StepProblem');
        assert.equal(error.step, 'a step');
        assert.match(error.why, message);
        assert.match(error.fix, /PIP_INDEX_URL/);
        return true;
      },
    );
    assert.deepEqual(readdirSync(downloads), []);
    delete machine.context.env.PIP;
    assert.ok(await downloadWheel(machine.context, 'a step', 'python3', WANTED, downloads));
  });
}

test('the reason for no Python names every place that was looked at', async (t) => {
  assert.match(
    await findPython(makeMachine(t).context.env),
    /python3 is not on PATH; python is not on PATH/,
  );
  const noPip = makeMachine(t, {
    programs: {
      python3: 'if [ "$1" = -c ]; then echo 3 12; else echo "No module named pip" >&2; exit 1; fi',
    },
  });
  assert.match(await findPython(noPip.context.env), /python3 has no pip \(No module named pip\)/);
  const python = await findPython(machineWithPip(t).context.env);
  assert.deepEqual(python.version, [3, 11]);
});

for (const name of ['tensorflow', 'tensorflow-cuda', 'cuda', 'tools', 'python']) {
  test(`requirements-${name}.txt pins every package by version and hash`, () => {
    const file = fileURLToPath(new URL(`../../scripts/requirements-${name}.txt`, import.meta.url));
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    assert.ok(lines.length > 0);
    for (const line of lines) {
      assert.match(
        line,
        /^[a-z0-9-]+==[\d.]+ (; platform_machine == "\w+" )?(--hash=sha256:[0-9a-f]{64} ?)+( # \d+ MB(, \d+ MB unpacked)?)?$/,
      );
    }
    const names = readRequirements(file).map((wanted) => wanted.name);
    assert.equal(new Set(names).size, names.length, 'one entry per package for this machine');
    assert.ok(names.length > 0);
  });
}

test('a wheel is unpacked by prefix, keeps mode bits, and cannot write outside of its folder', {
  skip: !which('python3'),
}, async (t) => {
  const machine = makeMachine(t);
  const wheel = join(machine.folder, 'a.whl');
  const make = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    program = zipfile.ZipInfo("pkg/bin/tool"); program.external_attr = 0o755 << 16
    z.writestr(program, "tool"); z.writestr("pkg/lib/data", "data"); z.writestr("other/no", "no"); z.writestr(sys.argv[2], "out")`;
  const env = process.env;
  assert.equal((await run('python3', ['-c', make, wheel, 'pkg/x'], { env })).code, 0);
  const target = join(machine.folder, 'out');
  await unpackWheel({ ...machine.context, env }, 'a step', 'python3', wheel, target, 'pkg/', [
    'pkg/',
  ]);
  assert.deepEqual(readdirSync(target).sort(), ['bin', 'lib', 'x']);
  assert.equal(statSync(join(target, 'bin/tool')).mode & 0o111, 0o111);
  await run('python3', ['-c', make, wheel, 'pkg/../../evil'], { env });
  await assert.rejects(
    unpackWheel({ ...machine.context, env }, 'a step', 'python3', wheel, target, 'pkg/', ['pkg/']),
    /points outside/,
  );
  assert.equal(existsSync(join(machine.folder, 'evil')), false);
});
