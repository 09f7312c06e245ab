// A process of the road: TypeScript, the private tfjs-node on TensorFlow's CUDA build, then the tests of one file.
//   node child.cjs TFJS_NODE FILE
'use strict';
require('../support/requireTypeScript.cjs');
const { resolve } = require('node:path');
const { runCounted } = require('../support/counted.cjs');

const [tfjsNode, file] = process.argv.slice(2);
process.argv.splice(1, 3, resolve(file));
// What the checks of the jest tests use.
globalThis.expect = require('expect').expect;
// Loaded first, it is the one that the package takes.
require(tfjsNode);

runCounted((test) => require(resolve(file)).default(test));
