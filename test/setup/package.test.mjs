// What npm would publish works by itself: nothing that it runs or imports stays behind.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../scripts/setup/context.mjs';
import { run } from '../../scripts/setup/process.mjs';
import { readJson } from '../../scripts/setup/store.mjs';
import { makeMachine } from './support.mjs';

const { dependencies, bin } = readJson(join(packageRoot, 'package.json'));

async function packed() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=silent'];
  const { stdout } = await run('npm', args, { cwd: packageRoot });
  return JSON.parse(stdout)[0].files.map(({ path }) => path);
}

test('every script that is shipped finds what it imports and reads', async () => {
  const files = await packed();
  const scripts = files.filter((path) => path.endsWith('.mjs') && path.startsWith('scripts/'));
  assert.ok(scripts.includes(bin['tfjs-cuda-norm']));
  assert.ok(scripts.includes('scripts/gyp.mjs') && scripts.includes('scripts/build.mjs'));
  for (const script of scripts) {
    const text = readFileSync(join(packageRoot, script), 'utf8');
    const names = [
      ...text.matchAll(/(?:^(?:import|export|}).*from |import\(|new URL\()'([^']+)'/gm),
    ].map((m) => m[1]);
    for (const name of names) {
      if (name.startsWith('.')) {
        const path = normalize(join(dirname(script), name));
        assert.ok(files.includes(path), `${script} needs ${path}`);
      } else if (!name.startsWith('node:')) {
        assert.ok(name in dependencies, `${script} needs ${name}`);
      }
    }
  }
});

test('what only a checkout can run is not shipped', async () => {
  const outside =
    /^(test|bench|examples|build)\/|^scripts\/(stages|gpu-check|test|bench|start|example)/;
  assert.deepEqual(
    (await packed()).filter((path) => outside.test(path)),
    [],
  );
});

test('gyp without cmake-js is told what to run', async (t) => {
  const { folder } = makeMachine(t);
  for (const path of ['package.json', 'scripts']) {
    cpSync(join(packageRoot, path), join(folder, path), { recursive: true });
  }
  const { code, output } = await run(process.execPath, [join(folder, 'scripts/gyp.mjs')]);
  assert.equal(code, 1);
  assert.match(output, /cmake-js, which is not installed.*npx tfjs-cuda-norm setup/);
});
