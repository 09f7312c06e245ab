/** The native ops validate for themselves: raw calls with anything wrong fail as cleanly as ours. */
import { tf } from '../../src';
import { native } from '../support/askedDevice';
import { rawOps } from '../support/everyOp';
import { expectSameBits } from '../support/expectClose';
import type { RawOp } from '../support/opEntry';
import { attributes, callRaw, executeOp } from '../support/rawOp';
import { memory } from '../support/tensors';

/** A failed call names the op, leaves nothing, and the valid call after it works. */
function expectFailure(raw: RawOp, message: RegExp, call: () => unknown): void {
  const before = memory();
  expect(call).toThrow(message);
  expect(memory()).toEqual(before);
  const outputs = callRaw(raw);
  expect(outputs).toHaveLength(raw.outputs);
  tf.dispose(outputs);
  expect(memory()).toEqual(before);
}

const describeNative = native ? describe : describe.skip;

describeNative.each(rawOps)('$name', (raw) => {
  const first = Object.keys(raw.inputs)[0]!;
  const shape = raw.inputs.x ?? raw.inputs[first];
  // What the forward op saved for its gradient.
  const forward = rawOps.find(({ name }) => `${name}Grad` === raw.name);
  const saved = Object.entries(raw.inputs).filter(
    ([name]) => forward && name !== 'dy' && !(name in forward.inputs),
  );
  const parameters = Object.entries(raw.inputs).filter(
    ([name, shape]) =>
      shape.length === 1 && shape[0]! > 0 && !saved.some(([other]) => other === name),
  );
  const says = (...words: string[]) =>
    new RegExp([raw.name, ...words].map((word) => `(?=[^]*(${word}))`).join(''));

  test('runs with every attribute, and with none but those without a useful default', () => {
    tf.tidy(() => {
      expect(callRaw(raw)[0]!.shape).toEqual(shape);
      const inputs = Object.values(raw.inputs).map((shape) => tf.ones(shape));
      const some = attributes(raw.needed ?? {});
      expect(executeOp(raw.name, some, inputs, raw.outputs)[0]!.shape).toEqual(shape);
    });
  });

  const wrongLengths = parameters.flatMap(([name, right]) =>
    [[0], [5], [7], [1], [], [6, 1], [2, 3]]
      .filter((s) => `${s}` !== `${right}`)
      .filter((s) => !(raw.anyLength?.includes(name) && s.length === 1 && s[0]! > 0))
      .map((s) => [name, s] as const),
  );
  if (wrongLengths.length > 0)
    test.each(wrongLengths)('%s of shape %j', (name, shape) => {
      expectFailure(raw, says(name), () => callRaw(raw, { inputs: { [name]: shape } }));
    });

  if (saved.length > 0)
    test.each(
      saved.flatMap(([name, right]) =>
        [[0], [3], [3, 0], [2, 1, 6], [3, 5, 5], []]
          .filter((s) => `${s}` !== `${right}`)
          .map((s) => [name, s] as const),
      ),
    )('%s of shape %j', (name, shape) => {
      expectFailure(raw, says(name), () => callRaw(raw, { inputs: { [name]: shape } }));
    });

  if ('dy' in raw.inputs && !raw.anyShape) {
    test.each([[[4, 3, 3, 5]], [[4, 3, 18]], [[0]]])('dy of shape %j', (dy) => {
      expectFailure(raw, says('dy'), () => callRaw(raw, { inputs: { dy } }));
    });
  }

  if ('x' in raw.inputs && !raw.anyShape)
    test('x a scalar', () => {
      const inputs: Record<string, number[]> = 'dy' in raw.inputs ? { x: [], dy: [] } : { x: [] };
      expectFailure(raw, says('x|dy'), () => callRaw(raw, { inputs }));
    });

  const wrongAttributes: [string, number][] = [
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-46].map(
      (v) => ['epsilon', v] as [string, number],
    ),
    ...[4, -5, 2 ** 31 - 1, -(2 ** 31)].flatMap(
      (v) =>
        [
          ['axis', v],
          ['begin_axis', v],
        ] as [string, number][],
    ),
    ...[0, -2, 4, 7, 2 ** 31 - 1].map((v) => ['groups', v] as [string, number]),
    ...[-0.1, 1.1, Number.NaN].map((v) => ['update_rate', v] as [string, number]),
    ...[-1, 3, 5, 2 ** 31 - 1].map((v) => ['virtual_batch_size', v] as [string, number]),
    ...[-1, 7, 2 ** 31 - 1].map((v) => ['partial', v] as [string, number]),
    ...Object.entries(raw.wrong ?? {}).flatMap(([name, values]) =>
      values.map((v) => [name, v] as [string, number]),
    ),
  ];
  const wrongOnes = wrongAttributes.filter(([name]) => name in raw.attributes);
  if (wrongOnes.length > 0)
    test.each(wrongOnes)('%s %d', (name, value) => {
      expectFailure(raw, says(name), () => callRaw(raw, { attributes: { [name]: value } }));
    });

  test('an attribute of the wrong type', () => {
    const names = Object.keys(raw.attributes);
    const number = names.find((name) => typeof raw.attributes[name] === 'number') ?? names[0];
    const wrong = attributes(raw.attributes).map((a) =>
      a.name === number
        ? { ...a, type: a.type === 'int' ? ('float' as const) : ('int' as const), value: 1 }
        : a,
    );
    expectFailure(raw, new RegExp(number!), () =>
      tf.tidy(() =>
        executeOp(
          raw.name,
          wrong,
          Object.values(raw.inputs).map((s) => tf.ones(s)),
          raw.outputs,
        ),
      ),
    );
  });

  test('an unknown attribute, which TensorFlow ignores', () => {
    tf.tidy(() => {
      const unknown = { name: 'epsilom', type: 'float' as const, value: 1 };
      const inputs = Object.values(raw.inputs).map((s) => tf.ones(s));
      const known = attributes(raw.attributes);
      const want = executeOp(raw.name, known, inputs, raw.outputs);
      const got = executeOp(raw.name, [...known, unknown], inputs, raw.outputs);
      want.forEach((output, i) => {
        expectSameBits(`output ${i}`, got[i]!, output);
      });
    });
  });

  test.each(['int32', 'bool'] as const)(`${first} of type %s`, (dtype) => {
    expectFailure(raw, /float/, () =>
      tf.tidy(() =>
        executeOp(
          raw.name,
          attributes(raw.attributes),
          Object.entries(raw.inputs).map(([name, s]) =>
            name === first ? tf.ones(s, dtype) : tf.ones(s),
          ),
          raw.outputs,
        ),
      ),
    );
  });

  // One too many crashes TensorFlow 2.21 itself, whatever the op.
  test('an input too few', () => {
    const shapes = Object.values(raw.inputs).slice(1);
    expectFailure(raw, /expected .*inputs?.*, got|do not match/, () =>
      tf.tidy(() =>
        executeOp(
          raw.name,
          attributes(raw.attributes),
          shapes.map((s) => tf.ones(s)),
          raw.outputs,
        ),
      ),
    );
  });
});
