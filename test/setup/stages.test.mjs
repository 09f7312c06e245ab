import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { largestError } from '../../scripts/doctor/doctor.mjs';
import { packageRoot } from '../../scripts/setup/context.mjs';
import { counted, lastCounts, runStages } from '../../scripts/stages/run.mjs';

async function outcome(stages, only) {
  let text = '';
  const write = (part) => {
    text += part;
  };
  const code = await runStages(stages, only, write, 2);
  return { code, last: text.trimEnd().split('\n').at(-1), text };
}
const stage = (name, run) => ({ name, run });

test('the last line sums every stage, and the exit code follows it', async () => {
  const good = [stage('a', () => counted(3, 0)), stage('b:x', () => counted(4, 0, 'why', 2))];
  assert.deepEqual(
    [(await outcome(good)).code, (await outcome(good)).last],
    [0, '7 passed, 0 failed'],
  );
  assert.equal(
    (await outcome([...good, stage('c', () => counted(1, 2))])).last,
    '8 passed, 2 failed',
  );
});

test('a stage that throws, or that ran nothing, is a failure', async () => {
  const thrown = await outcome([
    stage('a', () => {
      throw new Error('broke');
    }),
  ]);
  assert.deepEqual([thrown.code, thrown.last], [1, '0 passed, 1 failed']);
  assert.match(thrown.text, /a: broke/);
  assert.equal((await outcome([stage('a', () => counted(0, 0))])).last, '0 passed, 1 failed');
});

test('stages run two at a time, and what they write stays together, in their order', async () => {
  const events = [];
  const pause = () => new Promise((done) => setTimeout(done, 20));
  const writing = (name, rounds) =>
    stage(name, async (show) => {
      events.push(`begin ${name}`);
      for (let round = 0; round < rounds; ++round) {
        show(`${name}${round}`);
        await pause();
      }
      events.push(`end ${name}`);
      return counted(1, 0);
    });
  const { text, last } = await outcome([writing('a', 6), writing('b', 2), writing('c', 2)]);
  assert.deepEqual(events.slice(0, 4), ['begin a', 'begin b', 'end b', 'begin c']);
  assert.match(text, /=== a\na0\n.*a5\n\n=== b\nb0\nb1\n\n=== c\nc0\nc1\n\nstage/s);
  assert.equal(last, '3 passed, 0 failed');
});

test('a skipped stage is no failure, and says why', async () => {
  const { code, text } = await outcome([
    stage('python', () => counted(0, 0, 'skipped: no Python', 1)),
    stage('a', () => counted(1, 0)),
  ]);
  assert.equal(code, 0);
  assert.match(text, /python: skipped: no Python/);
});

test('--only takes stages and groups; an unknown one is an error', async () => {
  const stages = ['jest:host', 'jest:emulated', 'native'].map((name) =>
    stage(name, () => counted(1, 0)),
  );
  assert.equal((await outcome(stages, ['jest'])).last, '2 passed, 0 failed');
  assert.equal((await outcome(stages, ['jest:host', 'native'])).last, '2 passed, 0 failed');
  const unknown = await outcome(stages, ['nativ']);
  assert.deepEqual([unknown.code, unknown.last], [1, '0 passed, 1 failed']);
});

test('counts of a program are its last line of that form', () => {
  assert.deepEqual(lastCounts('1 passed, 2 failed\nx\n30 passed, 0 failed\nbye'), {
    passed: 30,
    failed: 0,
  });
  assert.equal(lastCounts('30 passed'), undefined);
});

test('the self-test sees a wrong value, a missing one and NaN', () => {
  assert.ok(largestError([[1, 2.00001]], [[1, 2]]) < 1e-5);
  assert.ok(largestError([[1, 3]], [[1, 2]]) > 0.4);
  for (const found of [[[1]], [[1, Number.NaN]], []]) {
    assert.equal(largestError(found, [[1, 2]]), Number.POSITIVE_INFINITY);
  }
});

test('what begins on a machine without packages imports none', () => {
  const seen = new Set();
  const walk = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = readFileSync(file, 'utf8');
    for (const [, name] of source.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)';/gms)) {
      if (name.startsWith('node:')) continue;
      assert.match(name, /^\./, `${file} imports ${name}`);
      walk(resolve(dirname(file), name));
    }
  };
  const scripts = ['test', 'start', 'build', 'bench', 'bench-training', 'example', 'format'];
  for (const script of scripts) walk(join(packageRoot, 'scripts', `${script}.mjs`));
  assert.ok(seen.size > 20);
});
