// `tfjs-cuda-norm profile SCRIPT`: the time in each of our ops, from their NVTX ranges: by Nsight Systems where it is
// installed, else by our own NVTX tool (native/profiler).
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { libraryFolder } from '../setup/context.mjs';
import { run, tail, which } from '../setup/process.mjs';
import { printTable, reportOf } from './report.mjs';

const TOOL = 'libtfjs_cuda_norm_profile.so';

/** What the tool wrote: one JSON object a line, times in nanoseconds. */
export const readRanges = (text) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** The value of a report's row, by the beginning of the column's name: a unit may follow. */
const column = (row, name) => {
  const key = Object.keys(row).find((each) => each === name || each.startsWith(`${name} (`));
  return key === undefined ? undefined : Number(row[key]);
};

/** Our ranges from Nsight Systems' reports nvtx_sum and, where a GPU ran something in a range, nvtx_gpu_proj_sum. */
export function rangesOfNsys(onHost, onGpu) {
  const mine = /^:?tfjs-cuda-norm:/;
  const named = (rows) =>
    rows
      .filter(({ Range }) => mine.test(Range))
      .map((row) => ({ ...row, name: row.Range.replace(mine, '') }));
  const gpu = new Map(named(onGpu).map((row) => [row.name, column(row, 'Total Proj Time')]));
  return named(onHost).map((row) => ({
    range: row.name,
    calls: column(row, 'Instances'),
    total: column(row, 'Total Time'),
    least: column(row, 'Min'),
    most: column(row, 'Max'),
    gpu: gpu.get(row.name),
  }));
}

async function withNsys(nsys, command, { output, env }) {
  const file = resolve(output);
  const options = ['--trace=cuda,nvtx', '--sample=none', '--cpuctxsw=none'];
  const profile = ['profile', ...options, '--force-overwrite=true', `--output=${file}`];
  const { code } = await run(nsys, [...profile, ...command], { env, show: true });
  const report = `${file}.nsys-rep`;
  if (!existsSync(report)) {
    return { code: code || 1, problem: `${nsys} wrote no ${report} (exit code ${code})` };
  }
  const rows = async (name) => {
    const args = ['stats', '--force-export=true', `--report=${name}`, '--format=json'];
    const {
      stdout,
      output: all,
      code: ended,
    } = await run(nsys, [...args, '--output=-', report], {
      env,
    });
    const json = stdout.slice(stdout.indexOf('['));
    if (ended !== 0) throw new Error(`${nsys} stats --report=${name} failed: ${tail(all)}`);
    // A report without rows is no JSON.
    return stdout.includes('[') ? JSON.parse(json) : [];
  };
  const ranges = rangesOfNsys(await rows('nvtx_sum'), await rows('nvtx_gpu_proj_sum'));
  return { code, ranges, by: `Nsight Systems; the whole profile is ${report}` };
}

async function withTool(folder, command, { env }) {
  const tool = join(folder, TOOL);
  if (!existsSync(tool)) {
    const problem = `there is no ${TOOL} in ${folder}: the library was built without NVTX's header; install Nsight Systems (nsys), or run "npx tfjs-cuda-norm setup" where the CUDA compiler can be had`;
    return { code: 1, problem };
  }
  const temporary = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-profile-'));
  try {
    const file = join(temporary, 'ranges');
    const [program, ...args] = command;
    const started = performance.now();
    const { code } = await run(program, args, {
      show: true,
      env: { ...env, NVTX_INJECTION64_PATH: tool, TFJS_CUDA_NORM_PROFILE: file },
    });
    const wall = (performance.now() - started) * 1e6;
    const ranges = existsSync(file) ? readRanges(readFileSync(file, 'utf8')) : [];
    const by =
      "our own NVTX tool: the host's clock around each call (on a GPU that is the launch, not the kernel: install nsys for those)";
    return { code: code ?? 1, ranges, by, wall };
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

/**
 * Runs `node SCRIPT ARGS`, prints the time of each op and resolves to the script's exit code. Options: `nsys` (a path; false: never),
 * `output` (of Nsight Systems, without its ending), `shapes` (a row for each shape), `json`, `env`, `write`.
 */
export async function profile(script, args, options = {}) {
  const { env = process.env, write = (text) => process.stdout.write(text) } = options;
  const nsys = options.nsys === false ? undefined : (options.nsys ?? which('nsys', env));
  const command = [process.execPath, script, ...args];
  const settings = { env, output: options.output ?? 'tfjs-cuda-norm' };
  const found = nsys
    ? await withNsys(nsys, command, settings)
    : await withTool(libraryFolder(env), command, settings);
  if (found.problem) {
    write(`profile: ${found.problem}\n`);
    return found.code;
  }
  const report = reportOf(found.ranges, options);
  if (options.json) {
    write(`${JSON.stringify({ by: found.by, wall: found.wall, rows: report })}\n`);
  } else {
    printTable(report, found, write);
  }
  return found.code;
}
