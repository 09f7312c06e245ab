// The addon under test, and what its tests share.
'use strict';

const assert = require('node:assert');
const path = require('node:path');
const { isMainThread, workerData } = require('node:worker_threads');

const folder = path.resolve(
  isMainThread ? (process.argv[2] ?? path.join(__dirname, '../../../build/Release')) : workerData,
);
const library = path.join(folder, 'libtfjs_cuda_norm_emulated.so');
const addon = require(path.join(folder, 'tfjs_cuda_norm.node'));

const tensor = (shape, value = (i) => Math.sin(i)) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
  shape,
});
const inputs = () => [tensor([2, 5, 6]), tensor([6]), tensor([6])];
const groupNorm = (device, given = inputs(), attributes = { groups: 3 }) =>
  addon.run('TfjsGroupNorm', device, given, attributes);

const refuses = (code, words, call) =>
  assert.throws(call, (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, words);
    assert.strictEqual(error.code, code);
    return true;
  });

module.exports = { addon, folder, groupNorm, inputs, library, refuses, tensor };
