import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { publishFolder, readJson, withLock, writeJson } from '../../scripts/setup/store.mjs';
import { makeMachine, sleep } from './support.mjs';

const STORE = fileURLToPath(new URL('../../scripts/setup/store.mjs', import.meta.url));

/** A process that takes the lock, says so, and holds it until killed. */
async function holder(cache) {
  const script = `
    import { withLock } from ${JSON.stringify(STORE)};
    await withLock(${JSON.stringify(cache)}, 'thing', () => new Promise(() => {
      process.stdout.write('held\\n');
      setInterval(() => {}, 1000);
    }));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((ready) => child.stdout.once('data', ready));
  return child;
}

test('a folder appears only when it is complete', async (t) => {
  const { folder } = makeMachine(t);
  const target = join(folder, 'kept/thing');
  await assert.rejects(
    publishFolder(target, (draft) => {
      writeFileSync(join(draft, 'half'), '');
      throw new Error('stopped');
    }),
    /stopped/,
  );
  assert.equal(existsSync(target), false);
  await publishFolder(target, (draft) => writeFileSync(join(draft, 'whole'), 'yes'));
  assert.equal(readFileSync(join(target, 'whole'), 'utf8'), 'yes');
  assert.deepEqual(
    readdirSync(join(folder, 'kept')),
    ['thing'],
    'drafts of interrupted runs are removed',
  );
});

test('two workers never hold one lock at once', async (t) => {
  const { context } = makeMachine(t);
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(30);
    inside -= 1;
  };
  // One process, so the lock file alone keeps them apart.
  await Promise.all([1, 2, 3].map(() => withLock(context.cache, 'thing', work)));
  assert.equal(most, 1);
});

test('a living holder is waited for, and named once', async (t) => {
  const { context } = makeMachine(t);
  const child = await holder(context.cache);
  const told = [];
  let done = false;
  const mine = withLock(
    context.cache,
    'thing',
    () => {
      done = true;
    },
    (other) => told.push(other.pid),
  );
  await sleep(700);
  assert.equal(done, false);
  assert.deepEqual(told, [child.pid]);
  child.kill('SIGKILL');
  await mine;
  assert.equal(done, true);
});

test('the lock of a killed process, and of a process number that was given out again, is taken over', async (t) => {
  const { context } = makeMachine(t);
  const path = join(context.cache, 'locks/thing');
  const child = await holder(context.cache);
  child.kill('SIGKILL');
  await new Promise((ended) => child.once('exit', ended));
  assert.equal(readJson(path).pid, child.pid, 'it could not clean up');
  assert.equal(await withLock(context.cache, 'thing', () => 'mine'), 'mine');
  writeJson(path, { pid: process.pid, start: '1', host: hostname() });
  assert.equal(await withLock(context.cache, 'thing', () => 'mine'), 'mine');
  assert.equal(existsSync(path), false);
});

test('a lock is released when the work fails', async (t) => {
  const { context } = makeMachine(t);
  await assert.rejects(
    withLock(context.cache, 'thing', () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await withLock(context.cache, 'thing', () => 1), 1);
});

test('a damaged stamp reads as none', (t) => {
  const { folder } = makeMachine(t);
  mkdirSync(join(folder, 'x'));
  writeFileSync(join(folder, 'x/stamp.json'), '{"key": "ab');
  assert.equal(readJson(join(folder, 'x/stamp.json')), undefined);
});
