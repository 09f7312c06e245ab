import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setup } from '../../scripts/setup/index.mjs';
import { makeLog } from '../../scripts/setup/log.mjs';
import { makeMachine, write } from './support.mjs';

test('an installed package on a machine with nothing: every step explained, none stops the others', async (t) => {
  const { context, lines } = makeMachine(t);
  write(join(context.root, 'package.json'), '{"name": "fake"}');
  const { problems } = await setup({
    ...context,
    env: { ...context.env, TFJS_CUDA_NORM_CACHE: context.cache },
    cuda: 'no',
  });
  assert.deepEqual(
    problems.map(({ step }) => step),
    ['native build'],
  );
  for (const { why, fix, works } of problems) {
    assert.ok(why && fix && works);
  }
  assert.match(
    lines.join('\n'),
    /@tensorflow\/tfjs-node is not installed in .*npm install @tensorflow\/tfjs-node/,
  );
  assert.match(lines.at(-1), /done but for: native build/);
});

test('a cache that cannot be written is explained', {
  skip: process.getuid() === 0 && 'root may write anywhere',
}, async (t) => {
  const { context } = makeMachine(t);
  write(join(context.root, 'package.json'), '{}');
  mkdirSync(context.cache);
  chmodSync(context.cache, 0o500);
  const { problems } = await setup({
    ...context,
    env: { ...context.env, TFJS_CUDA_NORM_CACHE: context.cache },
    cuda: 'no',
  });
  assert.match(problems.at(-1).why, /EACCES/);
  assert.match(problems.at(-1).fix, /TFJS_CUDA_NORM_CACHE/);
});

test('a problem is printed with its reason, its remedy and what still works', () => {
  let text = '';
  const log = makeLog({
    write: (part) => {
      text += part;
    },
  });
  log.problem({ step: 'a step', why: 'first\nsecond', fix: 'do this', works: 'that' });
  assert.equal(
    text,
    `setup: a step: not possible here
  why:         first
               second
  what to do:  do this
  still works: that
`,
  );
});
