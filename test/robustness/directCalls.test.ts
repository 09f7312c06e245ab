/** The addon's direct calls: every library's devices against each other, odd memory, bad arguments. */

import type { NativeTensor } from '../../src/native';
import { addon } from '../support/addon';
import { normal, sizeOf } from '../support/arrays';
import { asked, native } from '../support/askedDevice';
import { rawOps } from '../support/everyOp';
import { expectClose, expectSameBits } from '../support/expectClose';

/** `data` starts one element into its buffer when `offset` is 1: aligned to 4 bytes only. */
function nativeTensor(shape: number[], seed: number, offset = 0): NativeTensor {
  const size = sizeOf(shape);
  const data = new Float32Array(new ArrayBuffer((size + offset) * 4), offset * 4, size);
  data.set(normal(shape, seed, { mean: 2 }).data.map(Math.abs));
  return { data, shape };
}

const inputsOf = (raw: (typeof rawOps)[number], offset = 0) =>
  Object.entries(raw.inputs).map(([name, shape], i) => {
    const input = nativeTensor(shape, i + 1, offset);
    if (name === 'seed') input.data.set(input.data.map(Math.floor));
    return input;
  });

const describeNative = native ? describe : describe.skip;
const devices = asked === 'emulated' ? (['host', 'cuda'] as const) : (['host'] as const);

describeNative.each(rawOps)('$name', (raw) => {
  test.each(devices)('on %s: equal bits again, and from misaligned memory', (device) => {
    const once = addon().run(raw.name, device, inputsOf(raw), raw.attributes);
    const again = addon().run(raw.name, device, inputsOf(raw, 1), raw.attributes);
    expect(once).toHaveLength(raw.outputs);
    once.forEach((output, i) => {
      expect(output.shape).toEqual(again[i]!.shape);
      expectClose(`output ${i}`, again[i]!.data, output.data, { scaled: 1e-6 });
    });
    expectSameBits(
      'output 0',
      addon().run(raw.name, device, inputsOf(raw), raw.attributes)[0]!.data,
      once[0]!.data,
    );
  });

  (asked === 'emulated' ? test : test.skip)('host and emulated CUDA agree', () => {
    const host = addon().run(raw.name, 'host', inputsOf(raw), raw.attributes);
    const cuda = addon().run(raw.name, 'cuda', inputsOf(raw), raw.attributes);
    for (const [i, output] of host.entries())
      expectClose(`output ${i}`, cuda[i]!.data, output.data);
  });

  (asked === 'emulated'
    ? test.each(['forward', 'reverse', 'random'] as const)
    : test.skip.each(['any']))('the order in which threads run does not matter: %s', (order) => {
    const usual = addon().run(raw.name, 'cuda', inputsOf(raw), raw.attributes);
    try {
      for (const seed of [1, 2, 3]) {
        addon().emulatorOrder(order as 'random', seed);
        const other = addon().run(raw.name, 'cuda', inputsOf(raw), raw.attributes);
        for (const [i, output] of usual.entries()) {
          expectSameBits(`output ${i}`, other[i]!.data, output.data);
        }
      }
    } finally {
      addon().emulatorOrder('forward', 0);
    }
  });

  test('leaves no memory behind', () => {
    addon().run(raw.name, devices[0], inputsOf(raw), raw.attributes);
    expect(addon().counters().liveBytes).toBe(0);
  });

  test.each([
    [
      'data shorter than its shape',
      () => [{ data: new Float32Array(3), shape: [2, 6] }, ...inputsOf(raw).slice(1)],
    ],
    ['no inputs', () => []],
    [
      'a negative extent',
      () => [{ data: new Float32Array(0), shape: [-1, 6] }, ...inputsOf(raw).slice(1)],
    ],
    [
      'a fractional extent',
      () => [{ data: new Float32Array(9), shape: [1.5, 6] }, ...inputsOf(raw).slice(1)],
    ],
    ['doubles', () => [{ data: new Float64Array(12), shape: [2, 6] }, ...inputsOf(raw).slice(1)]],
    [
      'extents whose product overflows',
      () => [{ data: new Float32Array(0), shape: [2 ** 40, 2 ** 40] }, ...inputsOf(raw).slice(1)],
    ],
    [
      'extents whose product wraps to 0',
      () => [{ data: new Float32Array(0), shape: [2 ** 32, 2 ** 32] }, ...inputsOf(raw).slice(1)],
    ],
    [
      'a rank above 16',
      () => [
        { data: new Float32Array(1), shape: new Array(17).fill(1) },
        ...inputsOf(raw).slice(1),
      ],
    ],
    ['null', () => [null]],
  ] as [string, () => unknown][])('refuses %s', (_, inputs) => {
    expect(() => addon().run(raw.name, devices[0], inputs() as never, raw.attributes)).toThrow(
      raw.name,
    );
    expect(addon().run(raw.name, devices[0], inputsOf(raw), raw.attributes)).toHaveLength(
      raw.outputs,
    );
    expect(addon().counters().liveBytes).toBe(0);
  });

  test('refuses an unknown attribute by name', () => {
    expect(() =>
      addon().run(raw.name, devices[0], inputsOf(raw), { ...raw.attributes, epsilom: 1 }),
    ).toThrow(/epsilom/);
  });
});

describeNative('an op that does not exist', () => {
  test('is refused by name', () => {
    expect(() => addon().run('TfjsNoSuchNorm', 'host', [], {})).toThrow(/TfjsNoSuchNorm/);
  });
});
