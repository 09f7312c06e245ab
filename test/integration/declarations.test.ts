/** The ops as the native library declares them, against what the TypeScript sends. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tf } from '../../src';
import type { NativeDescription } from '../../src/native';
import { addonDescription } from '../support/addon';
import { native } from '../support/askedDevice';
import { everyOp, otherCalls, rawOps } from '../support/everyOp';
import { nodeBackend } from '../support/rawOp';

const root = join(__dirname, '..', '..');
const describeNative = native ? describe : describe.skip;

interface Sent {
  op: string;
  attributes: { name: string; type: number; value: unknown }[];
  inputs: number;
  outputs: number;
}

/** The calls of our ops that `body` makes on backend `tensorflow`. */
function recordCalls(body: () => void): Sent[] {
  const backend = nodeBackend();
  const sent: Sent[] = [];
  const execute = backend.executeMultipleOutputs;
  const spy = jest
    .spyOn(backend, 'executeMultipleOutputs')
    .mockImplementation((op, attributes, inputs, outputs) => {
      if (op.startsWith('Tfjs')) {
        const typed = attributes as Sent['attributes'];
        sent.push({ op, attributes: typed, inputs: inputs.length, outputs });
      }
      return execute.call(backend, op, attributes, inputs, outputs);
    });
  try {
    body();
  } finally {
    spy.mockRestore();
  }
  return sent;
}

describeNative('declared and sent', () => {
  let description: NativeDescription;
  let sent: Sent[];

  beforeAll(() => {
    description = addonDescription();
    sent = recordCalls(() =>
      tf.tidy(() => {
        for (const { op } of everyOp) {
          const parameters = { gamma: tf.ones([6]), beta: tf.ones([6]) };
          tf.grad((x) => op(x as never, parameters))(tf.randomNormal([4, 3, 6]));
        }
        for (const call of otherCalls) call();
      }),
    );
  });

  test('the library declares the ops of the contract', () => {
    expect(description.ops.map(({ name }) => name).sort()).toEqual(
      rawOps.map(({ name }) => name).sort(),
    );
  });

  test.each(rawOps)(
    '$name: inputs, outputs and attributes are those declared',
    ({ name, inputs, outputs, attributes }) => {
      const declared = description.ops.find((op) => op.name === name)!;
      expect(declared.inputs).toEqual(Object.keys(inputs));
      expect(declared.outputs).toHaveLength(outputs);
      expect(declared.attributes.map((a) => a.name).sort()).toEqual(Object.keys(attributes).sort());

      const call = sent.find(({ op }) => op === name);
      expect(call).toBeDefined();
      expect(call!.inputs).toBe(declared.inputs.length);
      expect(call!.outputs).toBe(declared.outputs.length);
      const { binding } = nodeBackend();
      const codes = {
        int: binding.TF_ATTR_INT,
        float: binding.TF_ATTR_FLOAT,
        bool: binding.TF_ATTR_BOOL,
      };
      // What TensorFlow calls the length of lists.
      const own = call!.attributes.filter((a) => a.name !== 'N');
      expect(call!.attributes.length - own.length).toBe(declared.lists.length > 0 ? 1 : 0);
      for (const attribute of own) {
        const match = declared.attributes.find((a) => a.name === attribute.name);
        expect(match && [match.name, codes[match.type]]).toEqual([attribute.name, attribute.type]);
      }
    },
  );

  test('defaults are the documented ones, and lie in their domains', () => {
    for (const { name, attributes } of description.ops) {
      const defaults = Object.fromEntries(attributes.map((a) => [a.name, Number(a.default)]));
      expect(defaults).toMatchObject(rawOps.find((raw) => raw.name === name)!.defaults ?? {});
      for (const a of attributes) {
        expect(Number(a.default)).toBeGreaterThanOrEqual(a.minimum ?? Number.NEGATIVE_INFINITY);
        expect(Number(a.default)).toBeLessThanOrEqual(a.maximum ?? Number.POSITIVE_INFINITY);
      }
      // A gradient takes what its forward op takes, with the same defaults.
      const forward = description.ops.find((op) => `${op.name}Grad` === name);
      const { own = [] } = rawOps.find((raw) => raw.name === name)!;
      for (const a of forward ? attributes.filter((one) => !own.includes(one.name)) : []) {
        expect([name, a]).toEqual([name, forward!.attributes.find((b) => b.name === a.name)]);
      }
    }
  });
});

test('every native op file has its TypeScript, its test and its page of documentation', () => {
  const camel = (stem: string) =>
    stem.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const list = (...path: string[]) => readdirSync(join(root, ...path));
  const stems = list('native', 'norms')
    .filter((f) => f.endsWith('_op.cc'))
    .map((f) => f.replace('_op.cc', ''));
  expect(stems.length).toBeGreaterThanOrEqual(4);
  for (const stem of stems) {
    expect(list('src', 'norms')).toContain(`${camel(stem)}.ts`);
    expect(list('test', 'norms')).toContain(`${camel(stem)}.test.ts`);
    // Batch renormalization is on the page of batch normalization.
    const page = stem.replace(/_(re)?norm$/, '-normalization').replaceAll('_', '-');
    expect(list('docs', 'normalizers')).toContain(`${page}.md`);
  }
});
