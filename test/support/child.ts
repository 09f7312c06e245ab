/** Scripts in a process of their own, with the TypeScript sources at hand as `source`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const hook = join(__dirname, 'requireTypeScript.cjs');

export interface Finished<Report> {
  status: number | null;
  stdout: string;
  stderr: string;
  /** What the script passed to `report`. */
  report: Report;
}

const MARK = '@report ';

export function runScript<Report = unknown>(
  script: string,
  env: Record<string, string | undefined> = {},
): Finished<Report> {
  const prelude = `
    const source = ${JSON.stringify(join(root, 'src'))};
    const report = (value) => console.log(${JSON.stringify(MARK)} + JSON.stringify(value));
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['-r', hook, '-e', `${prelude}(async () => {${script}})()`],
    {
      cwd: root,
      encoding: 'utf8',
      timeout: 55_000,
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', ...env },
    },
  );
  const line = stdout
    .split('\n')
    .filter((text) => text.startsWith(MARK))
    .at(-1);
  return { status, stdout, stderr, report: line && JSON.parse(line.slice(MARK.length)) };
}

/** Runs the script and fails, with what it printed, unless it ends well. */
export function expectScript<Report = unknown>(
  script: string,
  env?: Record<string, string | undefined>,
): Report {
  const { status, stdout, stderr, report } = runScript<Report>(script, env);
  if (status !== 0) throw new Error(`the script ended with ${status}\n${stdout}\n${stderr}`);
  return report;
}
