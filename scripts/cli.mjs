#!/usr/bin/env node
// npx tfjs-cuda-norm setup | build | doctor | profile
import { Command } from 'commander';
import { doctor } from './doctor/doctor.mjs';
import { profile } from './profile/profile.mjs';
import { setupCommand } from './setup/command.mjs';
import { setup } from './setup/index.mjs';

// The options after a script's name are the script's.
const program = new Command('tfjs-cuda-norm')
  .description('Fused native normalizers for TensorFlow.js on Node.')
  .enablePositionalOptions();

program
  .command('setup')
  .description(
    'make @tensorflow/tfjs-node loadable; build the native libraries where the package brings none for this machine',
  )
  .option('--cuda', "TensorFlow's CUDA build and the CUDA kernels, also where there is no GPU")
  .option('--cpu', "TensorFlow's CPU build and the host kernels only")
  .option('--python <path>', 'link the TensorFlow of this Python environment, fetch none')
  .option('--yes', 'fetch the CUDA build (3.3 GB) without asking')
  .option('--check', 'say what would be done, change nothing')
  .option('--undo', 'give tfjs-node back what it had before setup')
  .action(async (options) => {
    process.exitCode = await setupCommand(options);
  });

program
  .command('build')
  .description('compile the native libraries here, in place of those that the package brings')
  .option('--cuda', 'the CUDA kernels, also where no NVIDIA driver is found')
  .option('--cpu', 'the host kernels only')
  .action(async ({ cuda, cpu }) => {
    const kernels = cpu ? 'no' : cuda ? 'yes' : 'auto';
    const { problems } = await setup({ cuda: kernels, build: true });
    process.exitCode = problems.length > 0 ? 1 : 0;
  });

program
  .command('doctor')
  .description(
    'explain this machine: what is found, what is used, what is wrong, and test every op',
  )
  .option('--json', 'print everything as one JSON object')
  .action(async (options) => {
    process.exitCode = await doctor(options);
  });

program
  .command('profile')
  .description('run a script and print the time in each op, by nsys where it is installed')
  .argument('<script>')
  .argument('[args...]', 'of the script')
  .option('--shapes', 'a row for each shape of an op')
  .option('--json', 'print the rows as one JSON object')
  .option('--output <path>', "Nsight Systems' profile, without its ending", 'tfjs-cuda-norm')
  .option('--no-nsys', 'time with our own NVTX tool even where there is nsys')
  .passThroughOptions()
  .action(async (script, args, { nsys, ...options }) => {
    process.exitCode = await profile(script, args, { ...options, nsys: nsys ? undefined : false });
  });

await program.parseAsync();
