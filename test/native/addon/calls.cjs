// Direct calls: results, hostile arguments, faults.
'use strict';

const assert = require('node:assert');
const vm = require('node:vm');
const { addon, groupNorm, inputs, refuses } = require('./support.cjs');

module.exports = async (test) => {
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
};
