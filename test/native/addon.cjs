// The addon from plain node, without TypeScript and without TensorFlow: loading once per process, direct calls, hostile
// arguments, faults, worker threads, NVTX ranges. Prints what fails and, last, "N passed, N failed".
//
//   node test/native/addon.cjs [folder of the built files, default build/Release]
'use strict';

let passed = 0;
let failed = 0;

async function test(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
  }
}

// In this order: the first asks what the addon says before it has a library, and loads one.
async function main() {
  await require('./addon/loading.cjs')(test);
  await require('./addon/calls.cjs')(test);
  await require('./addon/sharing.cjs')(test);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
