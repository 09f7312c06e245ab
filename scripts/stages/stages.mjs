// What `npm test` is made of: sources, native programs, jest on each device, Python, peer suites.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../setup/process.mjs';
import { ensureClangFormat, ensurePythonEnvironment } from '../setup/python.mjs';
import { readJson } from '../setup/store.mjs';
import { gpuRuntime } from './gpu.mjs';
import { counted, lastCounts } from './run.mjs';

const DEVICES = ['composed', 'host', 'emulated'];
const CPP = /\.(cc|cu|cuh|h)$/;

/** The C++ and CUDA sources, which clang-format keeps in form. */
export const nativeSources = (root) =>
  readdirSync(join(root, 'native'), { recursive: true })
    .filter((path) => CPP.test(path))
    .map((path) => join(root, 'native', path))
    .sort();

export function makeStages(context) {
  const { root } = context;
  const results = join(root, 'build/test-results');
  const bin = (path) => join(root, 'node_modules', path);
  const node = (show, args, env = {}) =>
    run(process.execPath, args, { cwd: root, env: { ...context.env, ...env }, onLine: show });
  const oneCheck = ({ code }) => counted(code === 0 ? 1 : 0, code === 0 ? 0 : 1);

  // A report of an earlier run must never be counted.
  const freshReport = (name) => {
    mkdirSync(results, { recursive: true });
    rmSync(join(results, name), { force: true });
    return join(results, name);
  };

  const lint = async (show) =>
    oneCheck(await node(show, [bin('@biomejs/biome/bin/biome'), 'ci', '--colors=off', '.']));

  const format = async () => {
    const program = await ensureClangFormat(context);
    const bad = [];
    for (const source of nativeSources(root)) {
      const { code } = await run(program, ['--dry-run', '-Werror', source]);
      if (code !== 0) {
        bad.push(source.slice(root.length + 1));
      }
    }
    return bad.length === 0
      ? counted(1, 0)
      : counted(0, 1, `npm run format would change ${bad.join(', ')}`);
  };

  const types = async (show) => {
    const checks = [];
    for (const project of ['tsconfig.json', 'test/tsconfig.json']) {
      checks.push(await node(show, [bin('typescript/bin/tsc'), '--noEmit', '-p', project]));
    }
    const failed = checks.filter(({ code }) => code !== 0).length;
    return counted(checks.length - failed, failed);
  };

  const setupTests = async (show) => {
    const files = readdirSync(join(root, 'test/setup')).filter((file) =>
      file.endsWith('.test.mjs'),
    );
    const { output } = await node(show, [
      '--test',
      '--test-reporter=tap',
      ...files.map((file) => join('test/setup', file)),
    ]);
    const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
    return counted(count('pass'), count('fail') + count('cancelled'), '', count('skipped'));
  };

  const native = async (show) => {
    const report = freshReport('ctest.xml');
    const { code } = await run(
      'ctest',
      ['--test-dir', join(root, 'build'), '--output-on-failure', '--output-junit', report],
      {
        env: context.env,
        onLine: show,
      },
    );
    const suite = existsSync(report)
      ? /<testsuite[^>]*>/.exec(readFileSync(report, 'utf8'))?.[0]
      : undefined;
    const count = (word) => Number(new RegExp(`\\b${word}="(\\d+)"`).exec(suite ?? '')?.[1] ?? 0);
    const failed = count('failures');
    const skipped = count('skipped') + count('disabled');
    return counted(
      count('tests') - failed - skipped,
      code !== 0 ? Math.max(1, failed) : failed,
      '',
      skipped,
    );
  };

  const jest = (device) => async (show) => {
    const report = freshReport(`jest-${device}.json`);
    const { code } = await node(
      show,
      [bin('jest/bin/jest.js'), '--ci', '--json', `--outputFile=${report}`],
      {
        TFJS_CUDA_NORM_DEVICE: device,
        TF_CPP_MIN_LOG_LEVEL: context.env.TF_CPP_MIN_LOG_LEVEL ?? '2',
      },
    );
    const result = readJson(report);
    if (!result) {
      return counted(0, 1, `jest wrote no report (exit code ${code})`);
    }
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    return counted(
      result.numPassedTests,
      code !== 0 ? Math.max(1, failed) : failed,
      '',
      result.numPendingTests,
    );
  };

  const python = (library) => async (show) => {
    const environment = await ensurePythonEnvironment(context);
    if (!environment.python) {
      return counted(0, 0, `skipped: ${environment.reason}`, 1);
    }
    const { code, output } = await run(
      environment.python,
      [join(root, 'test/python/ops_test.py'), library()],
      {
        cwd: root,
        env: { TF_CPP_MIN_LOG_LEVEL: '2', ...context.env },
        onLine: show,
      },
    );
    return fromProgram(code, output);
  };

  // What Python exports, tfjs loads.
  const graphModels = async (show) => {
    const environment = await ensurePythonEnvironment(context);
    if (!environment.python) {
      return counted(0, 0, `skipped: ${environment.reason}`, 1);
    }
    const folder = join(results, 'graph-models');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const script = join(root, 'test/graph/export.py');
    const exported = await run(environment.python, [script, folder], {
      env: context.env,
      onLine: show,
    });
    if (exported.code !== 0) {
      return counted(0, 1, `export.py ended with ${exported.code ?? 'a signal'}`);
    }
    const { code, output } = await node(show, [join(root, 'test/graph/check.mjs'), folder]);
    return fromProgram(code, output);
  };

  const fromProgram = (code, output) => {
    const counts = lastCounts(output);
    if (!counts) {
      return counted(0, 1, `it ended with ${code ?? 'a signal'} and no "N passed, N failed"`);
    }
    return counted(counts.passed, code !== 0 ? Math.max(1, counts.failed) : counts.failed);
  };

  const doctor = async (show) =>
    oneCheck(await node(show, [join(root, 'scripts/cli.mjs'), 'doctor']));

  const gpuCheck = async (show) => {
    const release = join(root, 'build/Release');
    const script = join(root, 'scripts/gpu-check');
    const { runtime, program, environment } = await gpuRuntime(context);
    const tfjs = ['--tensorflow', runtime, '--program', program];
    const args = [script, '--emulated', '--built', release, '--output', results, ...tfjs];
    return oneCheck(await run('python3', args, { cwd: root, env: environment, onLine: show }));
  };

  const program = (path) => async (show) => {
    const { code, output } = await node(show, [join(root, path)]);
    return fromProgram(code, output);
  };

  const built = (name) => join(root, 'build/Release', `lib${name}.so`);
  const shipped = () =>
    existsSync(built('tfjs_cuda_norm')) ? built('tfjs_cuda_norm') : built('tfjs_cuda_norm_host');
  // `built` stages need the native and TypeScript builds, the others the packages only.
  return [
    { name: 'lint', run: lint },
    { name: 'format', run: format },
    { name: 'types', run: types },
    { name: 'setup', run: setupTests },
    { name: 'native', run: native, built: true },
    { name: 'addon', run: program('test/native/addon.cjs'), built: true },
    ...DEVICES.map((device) => ({ name: `jest:${device}`, run: jest(device), built: true })),
    { name: 'python:shipped', run: python(shipped), built: true },
    { name: 'python:emulated', run: python(() => built('tfjs_cuda_norm_emulated')), built: true },
    { name: 'graph-models', run: graphModels, built: true },
    { name: 'cuda-road', run: program('test/cuda/run.mjs'), built: true },
    { name: 'package', run: program('test/package/check.mjs'), built: true },
    { name: 'peers', run: program('test/peers/run.mjs'), built: true },
    { name: 'gpu-check', run: gpuCheck, built: true },
    { name: 'doctor', run: doctor, built: true },
  ];
}
