// One jest process per device (TFJS_CUDA_NORM_DEVICE): TensorFlow, the addon and the op library load once
// per process, so everything runs in this one worker.
module.exports = {
  testEnvironment: '<rootDir>/test/support/environment.cjs',
  roots: ['<rootDir>/test'],
  testMatch: ['**/{norms,weights,golden,robustness,integration}/**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  setupFilesAfterEnv: ['<rootDir>/test/support/askedDevice.ts'],
  // Looking a global up in the sandbox is slow, and the references do it for every element.
  sandboxInjectedGlobals: ['Math', 'Number'],
  maxWorkers: 1,
  testTimeout: 60_000,
};
