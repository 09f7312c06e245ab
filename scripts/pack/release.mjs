// The libraries that are published: every architecture, small, without symbols. Ten minutes and more on two cores.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from '../setup/process.mjs';

// Machine code for what CUDA 13 knows and a server or a desktop has, and PTX of the newest for what comes later.
export const ARCHITECTURES = [
  '75-real',
  '80-real',
  '86-real',
  '89-real',
  '90-real',
  '100-real',
  '120',
];

/** Builds into build-release/; resolves to the folder of the libraries. A build that was stopped goes on where it was. */
export async function buildRelease({ root, env, log }, cuda, tfjsNode) {
  const build = join(root, 'build-release');
  mkdirSync(build, { recursive: true });
  const options = {
    CMAKE_BUILD_TYPE: 'Release',
    NORM_CUDA: 'ON',
    NORM_TESTS: 'OFF',
    NORM_ADDON: 'ON',
    NORM_TENSORFLOW_INCLUDE: tfjsNode.include,
    NORM_TENSORFLOW_VERSION: tfjsNode.version,
    CMAKE_CUDA_ARCHITECTURES: ARCHITECTURES.join(';'),
    CMAKE_CUDA_FLAGS: '--compress-mode=size',
    CMAKE_SHARED_LINKER_FLAGS_RELEASE: '-s',
  };
  const commands = [
    [
      '-S',
      root,
      '-B',
      build,
      '-G',
      'Unix Makefiles',
      ...Object.entries(options).map(([name, value]) => `-D${name}=${value}`),
    ],
    ['--build', build, '--parallel', String(availableParallelism())],
  ];
  for (const args of commands) {
    const { code, output } = await run('cmake', args, {
      cwd: root,
      env: { ...env, CUDACXX: cuda.nvcc },
      onLine: (line) => {
        const at = /^\[\s*(\d+%)\]\s+(?:Building|Linking).*?([\w.]+)$/.exec(line);
        if (at) {
          log.progress('release build', `${at[1]} ${at[2]}`);
        }
      },
    });
    log.endProgress();
    if (code !== 0) {
      throw new Error(`the release build failed:\n${output.slice(-3000)}`);
    }
  }
  return join(build, 'Release');
}
