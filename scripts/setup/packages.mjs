// node_modules of a checkout from package-lock.json.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StepProblem } from './context.mjs';
import { seconds } from './log.mjs';
import { run, tail } from './process.mjs';
import { hash, readJson, withLock } from './store.mjs';

const STEP = 'packages';

/** What npm last put there against what the lockfile asks for; npm writes node_modules/.package-lock.json at the end. */
export function matchesLockfile(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {};
  const installed = readJson(join(root, 'node_modules/.package-lock.json'))?.packages;
  return (
    installed !== undefined &&
    Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' ||
        entry.optional ||
        (installed[path]?.version === entry.version &&
          existsSync(join(root, path, 'package.json'))),
    )
  );
}

/** The step: `npm ci --ignore-scripts` where node_modules does not hold what package-lock.json says. */
export async function ensurePackages(context) {
  if (matchesLockfile(context.root)) {
    return;
  }
  const work = async () => {
    if (!matchesLockfile(context.root)) {
      await install(context);
    }
  };
  await withLock(context.cache, `packages-${hash(context.root)}`, work, ({ pid }) =>
    context.log.step(STEP, `another setup (process ${pid}) is installing; waiting`),
  );
}

async function install(context) {
  context.log.step(STEP, 'npm ci --ignore-scripts (packages of package-lock.json)');
  const started = Date.now();
  // The npm that runs us, where one does.
  const npm = context.env.npm_execpath?.endsWith('.js')
    ? [process.execPath, [context.env.npm_execpath]]
    : ['npm', []];
  const ticker = setInterval(
    () => context.log.progress(STEP, `installing, ${Math.round((Date.now() - started) / 1000)} s`),
    1000,
  );
  const result = await run(
    npm[0],
    [...npm[1], 'ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    {
      cwd: context.root,
      env: context.env,
    },
  );
  clearInterval(ticker);
  context.log.endProgress();
  if (result.code !== 0) {
    throw new StepProblem(STEP, {
      why: `npm ci failed:\n${reasons(result.output)}`,
      fix: 'check the connection and the registry (npm config get registry), then run again',
      works: 'nothing yet: the packages of package-lock.json are needed for every later step',
    });
  }
  context.log.step(STEP, `installed in ${seconds(Date.now() - started)}`);
}

/** npm ends with its usage; what went wrong comes first. */
function reasons(output) {
  const errors = output.split('\n').filter((line) => /^npm (error|ERR!) \S/.test(line));
  return errors.slice(0, 5).join('\n') || tail(output, 5);
}
