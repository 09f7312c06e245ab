// A machine in a folder: an own PATH with fake programs, an own cache, a log that remembers.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { which } from '../../scripts/setup/process.mjs';

export function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** `programs`: name -> shell script; `links`: programs of the real machine to keep. Nothing else is on PATH. */
export function makeMachine(test, { programs = {}, links = [], env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'norm-setup-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    write(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  for (const name of ['sh', 'cat', 'mkdir', 'cp', 'sleep', 'echo', 'env', ...links]) {
    symlinkSync(which(name), join(bin, name));
  }
  const lines = [];
  const problems = [];
  const log = {
    step: (name, text) => lines.push(`${name}: ${text}`),
    progress: () => {},
    problem: (problem) => {
      lines.push(`problem: ${problem.message}`);
      problems.push(`${problem.message}\n${problem.fix}`);
    },
    endProgress: () => {},
  };
  const cache = join(folder, 'cache');
  return {
    folder,
    lines,
    problems,
    context: {
      root: folder,
      project: folder,
      checkout: false,
      cache,
      env: { PATH: bin, HOME: folder, ...env },
      log,
    },
  };
}

export const sleep = (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds));
