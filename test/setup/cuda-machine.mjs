// A machine with wheels, a tfjs-node and, where asked for, an NVIDIA driver; and the setup command on it.
import { join } from 'node:path';
import { setupCommand } from '../../scripts/setup/command.mjs';
import { write } from './support.mjs';
import { BUILD_TOOLS, installTfjsNode } from './tfjs-node.mjs';
import { makeMachineWithWheels } from './wheels.mjs';

export const H100 = 'NVIDIA H100, 9.0, 81559 MiB, 580.82.07';

/** `gpu`: what nvidia-smi prints ('' for none); `driver`: its version; `tfjsNode`: options of installTfjsNode. */
export function makeCudaMachine(
  test,
  { gpu, driver, tfjsNode = {}, programs = {}, env = {} } = {},
) {
  const smi =
    gpu === undefined
      ? {}
      : { 'nvidia-smi': gpu ? `echo "${gpu}"` : 'echo "No devices were found"; exit 6' };
  const machine = makeMachineWithWheels(test, {
    programs: { ...BUILD_TOOLS, ...smi, ...programs },
    env,
  });
  const { folder, context } = machine;
  machine.tfjsNode = tfjsNode && installTfjsNode(machine, tfjsNode);
  const proc = join(folder, 'proc');
  if (driver) {
    write(
      join(proc, 'version'),
      `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${driver}  Release\n`,
    );
  }
  context.env.TFJS_CUDA_NORM_CACHE = context.cache;
  machine.machine = { requirements: context.requirements, proc, freeBytes: () => 1e12 };
  /** `npx tfjs-cuda-norm setup` with these options; resolves to `{ code, said, problems }`. */
  machine.setup = async (options = {}, more = {}) => {
    const { root, project, env, log } = context;
    machine.lines.length = 0;
    machine.problems.length = 0;
    const code = await setupCommand(options, {
      root,
      project,
      env,
      log,
      ask: async () => undefined,
      ...more,
      machine: { ...machine.machine, ...more.machine },
    });
    return { code, said: machine.lines.join('\n'), problems: machine.problems.join('\n') };
  };
  return machine;
}
