/** doctor's calls of the native ops are those that the tests make of each: scripts/doctor/calls.json is written from them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeLibrary } from '../../src/native';
import { rawOps } from '../support/everyOp';

const file = join(__dirname, '../../scripts/doctor/calls.json');

(nativeLibrary ? test : test.skip)(
  'doctor calls every op, as the tests do (UPDATE_CALLS=1 writes the file anew)',
  () => {
    const calls = rawOps.map(({ name, outputs, inputs, attributes }) => ({
      name,
      outputs,
      inputs,
      attributes,
    }));
    const first = calls.filter(
      ({ name }, i) => calls.findIndex((call) => call.name === name) === i,
    );
    if (process.env.UPDATE_CALLS) {
      writeFileSync(
        file,
        `[\n${first.map((call) => `  ${JSON.stringify(call)}`).join(',\n')}\n]\n`,
      );
    }
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(first);
    const declared = nativeLibrary!.description.ops.map(({ name }) => name);
    expect(declared.filter((name) => !first.some((call) => call.name === name))).toEqual([]);
  },
);
