// What binding.gyp runs: cmake-js where it is installed. Setup cannot run here, for gyp keeps files of its own in build/.
import { cmakeJs } from './setup/build.mjs';
import { packageRoot } from './setup/context.mjs';
import { run } from './setup/process.mjs';

const tool = cmakeJs(packageRoot);
if (tool) {
  const { code } = await run(process.execPath, [tool, 'compile'], { cwd: packageRoot, show: true });
  process.exitCode = code ?? 1;
} else {
  process.stderr.write(
    `tfjs-cuda-norm: binding.gyp hands the build to cmake-js, which is not installed for ${packageRoot}. ` +
      'Run "npx tfjs-cuda-norm setup" instead: it builds without gyp and without cmake-js.\n',
  );
  process.exitCode = 1;
}
