/** The golden vectors through the ops: test/golden/adapters has a file for each file of vectors. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tf } from '../../src';
import { type Array64, channelsFirst } from '../support/arrays';
import { expectClose } from '../support/expectClose';
import {
  type Adapter,
  type GoldenCase,
  goldenFolder,
  goldenTolerance,
  readGolden,
} from '../support/golden';
import { tensor, withGradients } from '../support/tensors';

const stems = (folder: string, extension: string) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(extension))
    .map((file) => file.slice(0, -extension.length))
    .sort();

const methods = stems(join(__dirname, 'adapters'), '.ts');

/** The case with its activations, and parameters that have their shape, transposed to channels first. */
function toChannelsFirst(c: GoldenCase): GoldenCase {
  const move = (all: Record<string, Array64>) =>
    Object.fromEntries(
      Object.entries(all).map(([name, a]) => {
        if (a.shape.length === 4) return [name, channelsFirst(a)];
        if (a.shape.length < 3) return [name, a];
        const { shape, data } = channelsFirst({ shape: [1, ...a.shape], data: a.data });
        return [name, { shape: shape.slice(1), data }];
      }),
    );
  return {
    ...c,
    inputs: move(c.inputs),
    outputs: move(c.outputs),
    grads: move(c.grads),
    gradOutput: channelsFirst(c.gradOutput),
  };
}

function check(c: GoldenCase, axis: number, adapter: Adapter): void {
  tf.tidy(() => {
    const { op, inputs, also } = adapter(c, axis);
    const tensors = inputs.map((name) => tensor(c.inputs[name]!));
    const { y, grads } = withGradients(op, tensors, tensor(c.gradOutput));
    const want = c.outputs.y!;
    expect(y.shape).toEqual(want.shape);
    expectClose('y', y, want.data, goldenTolerance(c, 'y', want));
    expect(Object.keys(c.grads).sort()).toEqual([...inputs].sort());
    inputs.forEach((name, i) => {
      const wanted = c.grads[name]!;
      expect(grads[i]!.shape).toEqual(wanted.shape);
      const kind = name === 'x' ? 'dx' : 'params';
      expectClose(`d${name}`, grads[i]!, wanted.data, goldenTolerance(c, kind, wanted));
    });
    also?.(Object.fromEntries(inputs.map((name, i) => [name, tensors[i]!])));
  });
}

// A folder that NORM_GOLDEN_DIR names may have files of other methods, or lack some.
test('every file of vectors has its adapter', () => {
  expect(methods).toEqual(stems(__dirname, '.json'));
});

describe.each(
  methods.map((method) => `${method}.json`).filter((file) => existsSync(join(goldenFolder, file))),
)('%s', (file) => {
  const { adapter } = require(`./adapters/${file.replace('.json', '')}`) as { adapter: Adapter };
  // Cases of an average over batches are those of the calibrator (test/norms).
  const cases = readGolden(file).filter((c) => c.gradOutput);
  test.each(cases.map((c) => [c.name, c] as const))('%s, channels last', (_, c) => {
    check(c, c.inputs.x!.shape.length - 1, adapter);
  });
  const images = cases.filter((c) => c.inputs.x!.shape.length === 4);
  test.each(images.map((c) => [c.name, c] as const))('%s, channels first', (_, c) => {
    check(toChannelsFirst(c), 1, adapter);
  });
});
