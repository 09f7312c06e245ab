// jest gives each test file typed arrays of its own, but native addons return those of the process, and
// tfjs tells them apart by instanceof when it saves a model. So the process's are used throughout.
'use strict';
const { TestEnvironment } = require('jest-environment-node');

const SHARED = [
  ArrayBuffer,
  Float32Array,
  Float64Array,
  Int32Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
];

module.exports = class extends TestEnvironment {
  constructor(...args) {
    super(...args);
    for (const type of SHARED) this.global[type.name] = type;
  }
};
