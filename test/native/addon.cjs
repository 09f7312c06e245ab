// The addon from plain node, without TypeScript and without TensorFlow: loading once per process, direct calls, hostile
// arguments, faults, worker threads, NVTX ranges. Prints what fails and, last, "N passed, N failed".
//
//   node test/native/addon.cjs [folder of the built files, default build/Release]
'use strict';

const { runCounted } = require('../support/counted.cjs');

// In this order: the first asks what the addon says before it has a library, and loads one.
runCounted(async (test) => {
  await require('./addon/loading.cjs')(test);
  await require('./addon/calls.cjs')(test);
  await require('./addon/sharing.cjs')(test);
});
