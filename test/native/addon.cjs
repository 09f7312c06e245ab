// The addon from plain node, without TypeScript and without TensorFlow: loading once per process, worker threads,
// direct calls, hostile arguments, faults, NVTX ranges. Prints what fails and, last, "N passed, N failed".
//
//   node test/native/addon.cjs [folder of the built files, default build/Release]
'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const vm = require('node:vm');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const folder = path.resolve(
  isMainThread ? (process.argv[2] ?? path.join(__dirname, '../../build/Release')) : workerData,
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

if (!isMainThread) {
  addon.load(library, []);
  for (let i = 0; i < 50; i++) groupNorm(i % 2 ? 'cuda' : 'host');
  parentPort.postMessage(groupNorm('host'));
} else if (process.env.NORM_NVTX_LOG) {
  addon.load(library, []);
  groupNorm('host');
  addon.run('TfjsRmsNorm', 'cuda', [tensor([4, 6]), tensor([6]), tensor([0])], {});
} else {
  main();
}

async function main() {
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
  const refuses = (code, words, call) =>
    assert.throws(call, (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, words);
      assert.strictEqual(error.code, code);
      return true;
    });

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
    assert.strictEqual(description.ops.length, 10);
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

  await test('direct calls count, agree and leave nothing', () => {
    addon.resetCounters();
    const host = groupNorm('host');
    const cuda = groupNorm('cuda');
    assert.deepStrictEqual(
      host.map((t) => t.shape),
      [
        [2, 5, 6],
        [3, 2, 6],
      ],
    );
    for (const [i, { data }] of host.entries()) {
      assert.ok(data instanceof Float32Array);
      data.forEach((v, k) => {
        assert.ok(Math.abs(v - cuda[i].data[k]) < 1e-5);
      });
    }
    const counters = addon.counters();
    assert.strictEqual(counters.opCalls, 2);
    assert.deepStrictEqual(counters.calls, { TfjsGroupNorm: 2 });
    assert.strictEqual(counters.liveBytes, 0);
    assert.strictEqual(counters.outputBytes, 2 * 4 * (60 + 36));
    assert.ok(counters.launches > 0 && counters.launches <= 3);
  });

  await test('typed arrays of another realm, offset, shared, frozen', () => {
    const want = groupNorm('host');
    const foreign = vm.runInNewContext(
      '(values) => ({ data: Float32Array.from(values), shape: [2, 5, 6] })',
    )([...inputs()[0].data]);
    assert.ok(!(foreign.data instanceof Float32Array));
    const offset = new Float32Array(new ArrayBuffer(61 * 4), 4, 60);
    offset.set(inputs()[0].data);
    const shared = new Float32Array(new SharedArrayBuffer(60 * 4));
    shared.set(inputs()[0].data);
    for (const x of [
      foreign,
      { data: offset, shape: [2, 5, 6] },
      { data: shared, shape: [2, 5, 6] },
      Object.freeze({ ...inputs()[0], shape: Object.freeze([2, 5, 6]) }),
      new Proxy(inputs()[0], {}),
    ]) {
      for (const device of ['host', 'cuda']) {
        const got = groupNorm(device, [x, ...inputs().slice(1)]);
        got[0].data.forEach((v, k) => {
          assert.ok(Math.abs(v - want[0].data[k]) < 1e-5);
        });
      }
    }
  });

  await test('bad arguments', () => {
    const [x, gamma, beta] = inputs();
    const bad = [
      [/run: op must be the name of an op, got 5/, [5]],
      [/run: op must be the name of an op, got "constructor"/, ['constructor']],
      [/device must be "host" or "cuda", got "gpu"/, ['TfjsGroupNorm', 'gpu']],
      [/device must be "host" or "cuda", got undefined/, ['TfjsGroupNorm']],
      [/inputs must be an array, got an object/, ['TfjsGroupNorm', 'host', {}]],
      [/expected 3 inputs/, ['TfjsGroupNorm', 'host', [x, gamma], {}]],
      [/at most 16 tensors, got 4294967295/, ['TfjsGroupNorm', 'host', new Array(2 ** 32 - 1), {}]],
      [/attributes must be an object, got undefined/, ['TfjsGroupNorm', 'host', [x, gamma, beta]]],
      [/attributes must be an object, got null/, ['TfjsGroupNorm', 'host', [x, gamma, beta], null]],
    ];
    for (const input of [null, undefined, 3, 'x']) {
      bad.push([/inputs\[0\] must be \{ data, shape \}/, ['TfjsGroupNorm', 'host', [input], {}]]);
    }
    for (const [data, got] of [
      [new Float64Array(60), 'a Float64Array'],
      [[1], 'an array'],
      [null, 'null'],
    ]) {
      bad.push([
        new RegExp(`inputs\\[0\\]\\.data must be a Float32Array, got ${got}`),
        ['TfjsGroupNorm', 'host', [{ data, shape: [2, 5, 6] }, gamma, beta], {}],
      ]);
    }
    for (const [shape, words] of [
      [undefined, /shape must be an array/],
      [[2, 5, -6], /shape must hold integers >= 0, got -6/],
      [[2, 5, 1.5], /shape must hold integers >= 0, got 1\.5/],
      [[2, 5, '6'], /shape must hold integers >= 0, got "6"/],
      [[2, 5, 1n], /shape must hold integers >= 0, got a bigint/],
      [[2, 5, NaN], /shape must hold integers >= 0, got NaN/],
      [[2, 5, 7], /data must have the 70 elements of its shape, got 60/],
      [[2 ** 40, 2 ** 40], /elements of its shape, got 60/],
      [new Array(17).fill(1), /at most 16 axes, got 17/],
    ]) {
      bad.push([words, ['TfjsGroupNorm', 'host', [{ data: x.data, shape }, gamma, beta], {}]]);
    }
    for (const [attributes, words] of [
      [{ groups: '3' }, /groups must be a number, got "3"/],
      [{ groups: true }, /groups must be a number, got true/],
      [{ groups: undefined }, /groups must be a number, got undefined/],
      [{ groups: 1.5 }, /groups must be an integer >= 1, got 1\.5/],
      [{ scale: 1 }, /scale must be a boolean, got 1/],
      [{ epsilon: -1 }, /epsilon must be a finite float32 number > 0, got -1/],
      [{ epsilom: 1 }, /unknown attribute epsilom/],
    ]) {
      bad.push([words, ['TfjsGroupNorm', 'cuda', [x, gamma, beta], { groups: 3, ...attributes }]]);
    }
    for (const [words, given] of bad) {
      refuses('INVALID_ARGUMENT', words, () => addon.run(...given));
      assert.strictEqual(groupNorm('host').length, 2);
    }
    assert.strictEqual(addon.counters().liveBytes, 0);
  });

  await test('arguments that run code', () => {
    const [, gamma, beta] = inputs();
    const thrown = new Error('from a getter');
    const throwing = {
      get data() {
        throw thrown;
      },
    };
    assert.throws(
      () => groupNorm('host', [throwing, gamma, beta]),
      (e) => e === thrown,
    );
    const detaching = inputs()[0];
    const attributes = {
      get groups() {
        structuredClone(detaching.data, { transfer: [detaching.data.buffer] });
        return 3;
      },
    };
    refuses('INVALID_ARGUMENT', /elements of its shape, got 0/, () =>
      groupNorm('host', [detaching, gamma, beta], attributes),
    );
    Object.prototype.groups = 7;
    try {
      assert.strictEqual(groupNorm('host', inputs(), { groups: 3 }).length, 2);
    } finally {
      delete Object.prototype.groups;
    }
    assert.strictEqual(addon.counters().liveBytes, 0);
  });

  await test('injected faults', () => {
    const want = groupNorm('cuda');
    addon.resetCounters();
    groupNorm('cuda');
    const { allocations, launches } = addon.counters();
    // Buffers of the direct call can be refused too: three inputs and two outputs.
    for (const [kind, points] of [
      ['allocation', allocations + 5],
      ['launch', launches],
    ]) {
      for (let after = 0; after < points; after++) {
        addon.injectFault(kind, after);
        refuses('RESOURCE_EXHAUSTED', /^TfjsGroupNorm: .*injected fault/, () => groupNorm('cuda'));
        assert.strictEqual(addon.counters().liveBytes, 0);
        assert.deepStrictEqual(groupNorm('cuda'), want);
      }
    }
    refuses('INVALID_ARGUMENT', /kind must be/, () => addon.injectFault('disk', 0));
    refuses('INVALID_ARGUMENT', /after must be an integer/, () => addon.injectFault('launch', 0.5));
    for (const order of ['reverse', 'random', 'forward']) {
      addon.emulatorOrder(order, 7);
      assert.deepStrictEqual(groupNorm('cuda'), want);
    }
    refuses('INVALID_ARGUMENT', /order must be/, () => addon.emulatorOrder('sideways', 0));
    refuses('INVALID_ARGUMENT', /seed must be/, () => addon.emulatorOrder('random', -1));
  });

  await test('three worker threads share the library', async () => {
    const want = groupNorm('host');
    addon.resetCounters();
    const results = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(__filename, { workerData: folder });
            let message;
            worker.on('message', (m) => {
              message = m;
            });
            worker.on('error', reject);
            worker.on('exit', (code) =>
              code ? reject(new Error(`exit ${code}`)) : resolve(message),
            );
          }),
      ),
    );
    for (const result of results) assert.deepStrictEqual(result, want);
    assert.strictEqual(addon.counters().opCalls, 3 * 51);
    assert.strictEqual(addon.counters().liveBytes, 0);
    assert.deepStrictEqual(groupNorm('host'), want);
  });

  await test('loaded twice in one process', () => {
    const file = require.resolve(path.join(folder, 'tfjs_cuda_norm.node'));
    delete require.cache[file];
    const again = require(file);
    assert.notStrictEqual(again, addon);
    assert.strictEqual(again.run('TfjsGroupNorm', 'host', inputs(), { groups: 3 }).length, 2);
    assert.strictEqual(again.load(library, []).kind, 'emulated');
    assert.strictEqual(groupNorm('host').length, 2);
  });

  const injection = path.join(folder, 'libnorm_nvtx_injection.so');
  if (existsSync(injection)) {
    await test('NVTX ranges, by an injected tool', () => {
      const temporary = mkdtempSync(path.join(tmpdir(), 'norm-nvtx-'));
      const log = path.join(temporary, 'log');
      try {
        execFileSync(process.execPath, [__filename, folder], {
          env: { ...process.env, NVTX_INJECTION64_PATH: injection, NORM_NVTX_LOG: log },
        });
        assert.deepStrictEqual(readFileSync(log, 'utf8').trim().split('\n'), [
          'domain tfjs-cuda-norm',
          'push tfjs-cuda-norm: TfjsGroupNorm x[2,5,6]',
          'pop tfjs-cuda-norm',
          'push tfjs-cuda-norm: TfjsRmsNorm x[4,6]',
          'pop tfjs-cuda-norm',
        ]);
      } finally {
        rmSync(temporary, { recursive: true });
      }
    });
  } else {
    console.log('NVTX ranges: skipped, built without the NVTX header');
  }

  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
