#!/usr/bin/env node
// npx tfjs-cuda-norm setup | doctor
import { Command } from 'commander';
import { doctor } from './doctor/doctor.mjs';
import { setup } from './setup/index.mjs';

const program = new Command('tfjs-cuda-norm').description(
  'Fused native normalizers for TensorFlow.js on Node.',
);

program
  .command('setup')
  .description(
    'make @tensorflow/tfjs-node loadable and build the native libraries for this machine',
  )
  .option('--cuda', 'build the CUDA kernels, also where no NVIDIA driver is found')
  .option('--no-cuda', 'build the host kernels only')
  .action(async ({ cuda }) => {
    const want = { true: 'yes', false: 'no' }[cuda] ?? 'auto';
    const { problems } = await setup({ cuda: want });
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

await program.parseAsync();
