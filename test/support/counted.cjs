// Tests of a plain program, one after the other: what fails is printed and, last, "N passed, N failed".
'use strict';

/** Runs `all(test)`, `test(name, body)` being one test, in the order of the calls; sets the exit code. */
exports.runCounted = async (all) => {
  let passed = 0;
  let failed = 0;
  await all(async (name, body) => {
    try {
      await body();
      passed++;
    } catch (error) {
      failed++;
      console.log(`${name}: ${error.stack}`);
    }
  });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
};
