// The user cache: folders that appear whole or not at all, locks against a second setup, stamps that say "done".
import { createHash } from 'node:crypto';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

export function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) {
    sum.update(
      typeof part === 'string' || Buffer.isBuffer(part)
        ? part
        : (JSON.stringify(part) ?? 'undefined'),
    );
    sum.update('\0');
  }
  return sum.digest('hex').slice(0, 24);
}

export function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Writes a file in one step, so that a reader never sees half of it. */
export function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, null, 1)}\n`);
  renameSync(draft, path);
}

/**
 * Makes `folder` by filling a draft beside it and renaming that at the end, so a killed run leaves no half-made
 * folder. The caller holds the folder's lock: drafts that are found belong to nobody and are removed.
 */
export async function publishFolder(folder, fill) {
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true });
  const prefix = `.draft-${basename(folder)}-`;
  for (const entry of readdirSync(parent)) {
    if (entry.startsWith(prefix)) {
      // What unpacked for a killed run may still write there.
      rmSync(join(parent, entry), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }
  const draft = join(parent, `${prefix}${process.pid}`);
  mkdirSync(draft);
  await fill(draft);
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
}

// Start time in clock ticks, so that a process number that was given out again does not look like the holder.
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function holderLives(holder) {
  if (!holder || holder.host !== hostname()) {
    return holder !== undefined;
  }
  const start = startOf(holder.pid);
  return start !== undefined && start === holder.start;
}

function tryLock(path, mine) {
  // A link appears together with its content, unlike a file that is created and then written.
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error;
    }
    return false;
  } finally {
    unlinkSync(draft);
  }
}

/** Takes over a dead holder's lock; a second taker finds the guard file and leaves it to the first. */
function removeStale(path) {
  const guard = `${path}.guard`;
  try {
    closeSync(openSync(guard, 'wx'));
  } catch {
    // Held for microseconds; one that is old was left by a killed process.
    const made = statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > 10_000) {
      rmSync(guard, { force: true });
    }
    return;
  }
  try {
    if (!holderLives(readJson(path))) {
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(guard, { force: true });
  }
}

/** Runs `work` while no other process runs under the same lock; `waiting(holder)` is called once when it must wait. */
export async function withLock(cache, name, work, waiting = () => {}) {
  const path = join(cache, 'locks', name);
  mkdirSync(dirname(path), { recursive: true });
  const mine = { pid: process.pid, start: startOf(process.pid), host: hostname() };
  let told = false;
  while (!tryLock(path, mine)) {
    const holder = readJson(path);
    if (!holderLives(holder)) {
      removeStale(path);
    } else if (!told) {
      told = true;
      waiting({ ...holder, path });
    }
    await new Promise((wake) => setTimeout(wake, 200));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
