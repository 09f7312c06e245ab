// What links do to tfjs-node, and that a run killed before any one of its steps leaves tfjs-node as it was or as it should be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectLibrary } from '../../scripts/setup/tensorflow.mjs';
import { makeMachine, write } from './support.mjs';
import { installTfjsNode, treeOf } from './tfjs-node.mjs';

const CHANGES = [
  'renameSync',
  'rmSync',
  'symlinkSync',
  'linkSync',
  'mkdirSync',
  'writeFileSync',
  'unlinkSync',
  'rmdirSync',
  'copyFileSync',
];

// Hundreds of small folders: in memory, where there is such a place.
if (fs.existsSync('/dev/shm')) {
  process.env.TMPDIR = '/dev/shm';
}

// Replaced once, before link.mjs is loaded: its imports are bound to what node:fs exports then.
let left = Number.POSITIVE_INFINITY;
for (const name of CHANGES) {
  const real = fs[name];
  fs[name] = (...args) => {
    left -= 1;
    if (left < 0) {
      throw Object.assign(new Error('killed'), { code: 'KILLED' });
    }
    return real(...args);
  };
}
syncBuiltinESMExports();
const { dropOldSets, placeBinding, prepareLinks, restore, switchTo } = await import(
  '../../scripts/setup/link.mjs'
);

/** Runs `work` and stops it before its n-th change, and every change after it, as SIGKILL does. True where it was stopped. */
function killedAt(n, work) {
  left = n;
  try {
    work();
    return false;
  } catch (error) {
    assert.equal(error.code, 'KILLED');
    return true;
  } finally {
    left = Number.POSITIVE_INFINITY;
  }
}

function fakeLibrary(folder, build) {
  write(join(folder, 'libtensorflow_cc.so.2'), `main ${build}`);
  write(join(folder, 'libtensorflow_framework.so.2'), `framework ${build}`);
  write(join(folder, 'include/tensorflow/c/c_api.h'), '');
  return inspectLibrary(folder);
}

/** The build that tfjs-node loads now, or the error. */
function loads(path) {
  const require = createRequire(join(path, 'package.json'));
  const file = join(path, 'index.js');
  delete require.cache[file];
  try {
    return require(file).backend().binding.TF_Version;
  } catch (error) {
    return error.message;
  }
}

const setups = [
  ['as its install script leaves it', { own: true }],
  ['with install scripts blocked', {}],
];

function prepared(machine, options) {
  const path = installTfjsNode(machine, options);
  const library = fakeLibrary(join(machine.folder, 'tf'), 'new');
  const binding = join(machine.folder, 'binding.node');
  write(binding, 'ours');
  const give = () => {
    const { name } = prepareLinks(path, library);
    switchTo(path, name);
    placeBinding(path, binding);
    dropOldSets(path);
  };
  return { path, library, give };
}

for (const [title, options] of setups) {
  test(`tfjs-node ${title}: linked it loads the new library, restored it is what it was`, (t) => {
    const { path, library, give } = prepared(makeMachine(t), options);
    const before = treeOf(path);
    const was = loads(path);
    give();
    give();
    assert.equal(loads(path), '1.0-new');
    for (const name of ['libtensorflow.so', 'libtensorflow.so.2', 'libtensorflow_cc.so.2']) {
      assert.equal(fs.realpathSync(join(path, 'deps/lib', name)), library.main);
    }
    for (const name of ['libtensorflow_framework.so', 'libtensorflow_framework.so.2']) {
      assert.equal(fs.realpathSync(join(path, 'deps/lib', name)), library.framework);
    }
    assert.equal(restore(path), true);
    assert.equal(loads(path), was);
    assert.deepEqual(treeOf(path), before);
    assert.equal(restore(path), false);
  });

  const expectOldOrNew = (path, was, where) => {
    const now = loads(path);
    // What did not load before may say so with other words.
    assert.ok(
      now === '1.0-new' || (options.own ? now === was : /ENOENT/.test(now)),
      `${where}: ${now}`,
    );
  };

  test(`tfjs-node ${title}: killed before any step of linking it loads the old or the new; then it goes on, or back`, (t) => {
    const machine = makeMachine(t);
    let n = 0;
    for (let killed = true; killed; n += 1) {
      for (const go of ['on', 'back']) {
        const { path, give } = prepared(machine, { ...options, at: `${n}/${go}` });
        const before = treeOf(path);
        const was = loads(path);
        killed = killedAt(n, give);
        expectOldOrNew(path, was, `step ${n}`);
        if (go === 'on') {
          give();
          assert.equal(loads(path), '1.0-new', `step ${n}`);
        }
        restore(path);
        assert.deepEqual(treeOf(path), before, `step ${n}, gone ${go}`);
      }
    }
    assert.ok(n > 20, `${n} steps`);
  });

  test(`tfjs-node ${title}: killed before any step of undoing`, (t) => {
    const machine = makeMachine(t);
    let n = 0;
    for (let killed = true; killed; n += 1) {
      for (const go of ['back', 'on']) {
        const { path, give } = prepared(machine, { ...options, at: `${n}/${go}` });
        const before = treeOf(path);
        const was = loads(path);
        give();
        killed = killedAt(n, () => restore(path));
        expectOldOrNew(path, was, `step ${n}`);
        if (go === 'on') {
          give();
          assert.equal(loads(path), '1.0-new', `step ${n}`);
        }
        restore(path);
        assert.deepEqual(treeOf(path), before, `step ${n}`);
      }
    }
    assert.ok(n > 10, `${n} steps`);
  });
}

test('one build changes to another at once, and the CUDA libraries come and go with it', (t) => {
  const machine = makeMachine(t);
  const { path, give } = prepared(machine, { own: true });
  give();
  assert.equal(fs.existsSync(join(path, 'deps/nvidia')), false);
  for (const file of [
    'cudnn/lib/libcudnn.so.9',
    'cusolver/lib/libcusolver.so.11',
    'cusparse/lib/libcusparse.so.12',
  ]) {
    write(join(machine.folder, 'site/nvidia', file), file);
  }
  const cuda = fakeLibrary(join(machine.folder, 'site/tensorflow'), 'cuda');
  const { name } = prepareLinks(path, cuda);
  assert.equal(loads(path), '1.0-new', 'prepared is not yet in use');
  const before = switchTo(path, name);
  assert.equal(loads(path), '1.0-cuda');
  assert.ok(fs.existsSync(join(path, 'deps/nvidia/cudnn/lib/libcudnn.so.9')));
  // libtensorflow_framework's RUNPATH does not have cusolver's folder.
  assert.deepEqual(fs.readdirSync(join(path, 'deps/nvidia/cusparse/lib')).sort(), [
    'libcusolver.so.11',
    'libcusparse.so.12',
  ]);
  assert.ok(fs.existsSync(join(path, 'deps/nvidia/cusparse/lib/../../cudnn/lib')));
  switchTo(path, before);
  assert.equal(loads(path), '1.0-new');
  assert.equal(fs.existsSync(join(path, 'deps/nvidia')), false);
});

test("a folder of hard links, as pnpm's, keeps the store's files", (t) => {
  const machine = makeMachine(t);
  const { path, give } = prepared(machine, { own: true });
  const store = join(machine.folder, 'store');
  fs.linkSync(join(path, 'deps/lib/libtensorflow_framework.so.2'), store);
  give();
  assert.equal(fs.readFileSync(store, 'utf8'), 'framework own');
  restore(path);
  assert.equal(
    fs.statSync(store).ino,
    fs.statSync(join(path, 'deps/lib/libtensorflow_framework.so.2')).ino,
  );
});
