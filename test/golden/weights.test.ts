/** The golden vectors of methods on weights: test/golden/weights/adapters has a file for each file of vectors. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkWeightCase, readWeightCases, type WeightAdapters } from '../support/goldenWeights';

const folder = join(__dirname, 'weights');
const stems = (path: string, extension: string) =>
  readdirSync(path)
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length))
    .sort();

const methods = stems(folder, '.json');

test('every file of vectors has its adapters', () => {
  expect(stems(join(folder, 'adapters'), '.ts')).toEqual(methods);
});

describe.each(methods)('%s.json', (method) => {
  const { ops } = require(`./weights/adapters/${method}`) as { ops: WeightAdapters };
  const cases = readWeightCases(join(folder, `${method}.json`));

  test('every op has its adapter, and every adapter cases', () => {
    expect(Object.keys(ops).sort()).toEqual([...new Set(cases.map(({ op }) => op))].sort());
  });

  test.each(cases.map((c) => [`${c.op} ${c.name}`, c] as const))('%s', (_, c) => {
    checkWeightCase(c, ops[c.op]!);
  });
});
