// Child processes: one way to run a command and get its output, one to let it write to our terminal.
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Runs a command to its end. `show` hands it our stdout and stderr; otherwise both are kept in `output`, and
 * `onLine` sees each line of them as it comes.
 * Resolves, never rejects: `code` is null where the program could not be started or died of a signal.
 */
export function run(command, args, { cwd, env, show = false, onLine } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    const texts = { stdout: '', output: '' };
    let rest = '';
    const take = (chunk) => {
      texts.output += chunk;
      if (onLine) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          onLine(line);
        }
      }
    };
    child.stdout?.setEncoding('utf8').on('data', (chunk) => {
      texts.stdout += chunk;
      take(chunk);
    });
    child.stderr?.setEncoding('utf8').on('data', take);
    child.on('error', (error) => done({ ...texts, code: null, output: error.message }));
    child.on('close', (code, signal) => done({ ...texts, code, signal }));
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
