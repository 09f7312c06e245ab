// Child processes: one way to run a command and get its output, one to let it write to our terminal.
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Runs a command to its end. `show` hands it our stdout and stderr; otherwise both are kept in `output`.
 * Resolves, never rejects: `code` is null where the program could not be started or died of a signal.
 */
export function run(command, args, { cwd, env, show = false, input } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    });
    let output = '';
    let stdout = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
      stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) => done({ code: null, output: error.message, stdout }));
    child.on('close', (code, signal) => done({ code, signal, output, stdout }));
    if (input !== undefined) {
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    }
  });
}

/** The path of a program on PATH (or the path itself when it has a slash); undefined when there is none. */
export function which(program, env = process.env) {
  const candidates = program.includes('/')
    ? [program]
    : (env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', program));
  return candidates.find(isExecutable);
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The last lines of a program's output, for messages. */
export const tail = (text, lines = 6) => text.trim().split('\n').slice(-lines).join('\n');
