// A process of the road: TypeScript, the private tfjs-node on TensorFlow's CUDA build, then the tests of one file.
//   node child.cjs TFJS_NODE FILE
'use strict';
require('../support/requireTypeScript.cjs');
const { resolve } = require('node:path');

const [tfjsNode, file] = process.argv.slice(2);
process.argv.splice(1, 3, resolve(file));
// What the checks of the jest tests use.
globalThis.expect = require('expect').expect;
// Loaded first, it is the one that the package takes.
require(tfjsNode);

let passed = 0;
let failed = 0;

/** Runs one test, in the order of the calls. */
async function test(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
  }
}

(async () => {
  await require(resolve(file)).default(test);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
})();
