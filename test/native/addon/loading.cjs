// Loading, once per process, and files that cannot be loaded.
'use strict';

const assert = require('node:assert');
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { addon, folder, library, refuses } = require('./support.cjs');

module.exports = async (test) => {
  await test('nothing works before load', () => {
    for (const call of ['tensorflow', 'devices', 'counters', 'resetCounters', 'run']) {
      refuses('FAILED_PRECONDITION', /expected load\(/, () => addon[call]());
    }
  });

  await test('files that do not load are named', () => {
    const temporary = mkdtempSync(path.join(tmpdir(), 'norm-addon-'));
    try {
      const missing = path.join(temporary, 'missing.so');
      refuses('UNAVAILABLE', /missing\.so.*(No such file|cannot open)/s, () =>
        addon.load(missing, []),
      );
      refuses('UNAVAILABLE', /missing\.so/, () => addon.load(library, [missing]));
      const truncated = path.join(temporary, 'truncated.so');
      const whole = readFileSync(library);
      for (const length of [0, 10, 100, 1000, whole.length >> 1, whole.length - 1]) {
        writeFileSync(truncated, whole.subarray(0, length));
        refuses('UNAVAILABLE', /truncated\.so.*truncated, it has only/, () =>
          addon.load(truncated, []),
        );
      }
      const foreign = Buffer.from(whole);
      foreign.writeUInt16LE(0xf3, 18); // e_machine: RISC-V
      writeFileSync(truncated, foreign);
      refuses('UNAVAILABLE', /built for another machine/, () => addon.load(truncated, []));
      refuses('UNAVAILABLE', /not a shared library/, () => addon.load(__filename, []));
      refuses('UNAVAILABLE', /cannot be read|not a shared library|Is a directory|truncated/, () =>
        addon.load(temporary, []),
      );
      refuses('FAILED_PRECONDITION', /has no norm_infer/, () =>
        addon.load(path.join(folder, 'tfjs_cuda_norm.node'), []),
      );
      refuses('INVALID_ARGUMENT', /load: library must be a string, got 3/, () => addon.load(3, []));
      refuses('INVALID_ARGUMENT', /load: tensorflow must be an array/, () => addon.load(library));
      refuses('INVALID_ARGUMENT', /load: tensorflow must be a string, got null/, () =>
        addon.load(library, [null]),
      );
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });

  await test('load describes the library, and again', () => {
    const description = addon.load(library, []);
    assert.strictEqual(description.kind, 'emulated');
    assert.deepStrictEqual(description.architectures, []);
    assert.ok(description.ops.some(({ name }) => name === 'TfjsGroupNorm'));
    assert.deepStrictEqual(
      addon.load(path.join(folder, '.', 'x/..', path.basename(library)), []),
      description,
    );
    refuses('FAILED_PRECONDITION', /expected the library that this process has loaded/, () =>
      addon.load('/another.so', []),
    );
    const { devices, message } = addon.devices();
    assert.strictEqual(devices.length, 1);
    assert.strictEqual(devices[0].hasCode, true);
    assert.strictEqual(message, '');
    assert.strictEqual(addon.tensorflow().registered, false);
  });
};
