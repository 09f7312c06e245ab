// Puts a libtensorflow under tfjs-node so that a run killed at any point leaves tfjs-node as it was or as it should be.
//
//   deps/lib/libtensorflow.so.2  ->  ../.tfjs-cuda-norm/current/lib/libtensorflow.so.2     (and the other names)
//   deps/nvidia, deps/include    ->  .tfjs-cuda-norm/current/nvidia, .../include
//   deps/.tfjs-cuda-norm/current ->  original   what tfjs-node had: hard links, no copies
//                                or  set-KEY    links to the library that it is given
//
// First every name is led through `current` while that is `original`, which changes nothing for whoever loads it; then
// one rename of `current` changes all names at once. The journal says what there was, and exists only while it is needed.
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { bindingPlace } from './probe.mjs';
import { hash, readJson, writeJson } from './store.mjs';

const MAIN = ['libtensorflow.so', 'libtensorflow.so.2', 'libtensorflow_cc.so.2'];
const FRAMEWORK = ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'];
const NAMES = [...MAIN, ...FRAMEWORK].map((name) => `lib/${name}`);

const places = (tfjsNode) => {
  const deps = join(tfjsNode, 'deps');
  const own = join(deps, '.tfjs-cuda-norm');
  return {
    deps,
    own,
    journal: join(own, 'journal.json'),
    original: join(own, 'original'),
    current: join(own, 'current'),
  };
};

const entryAt = (path) => lstatSync(path, { throwIfNoEntry: false });

/** Puts what `make(draft)` makes at `path` in one step. Drafts are in our own folder, so that none is ever left over. */
function replace(tfjsNode, path, make) {
  const draft = join(places(tfjsNode).own, `draft-${process.pid}`);
  rmSync(draft, { force: true });
  make(draft);
  renameSync(draft, path);
  // Renaming one name of a file over another name of it does nothing, by POSIX.
  rmSync(draft, { force: true });
}

const link = (tfjsNode, target, path) =>
  replace(tfjsNode, path, (draft) => symlinkSync(target, draft));

/** A second name of a file, for nothing; a copy where the filesystem has no hard links. */
function twin(path, other) {
  rmSync(other, { force: true });
  try {
    linkSync(path, other);
  } catch (error) {
    if (!['EPERM', 'EXDEV', 'ENOTSUP', 'EMLINK'].includes(error.code)) {
      throw error;
    }
    copyFileSync(path, other);
  }
}

/** Keeps what is at `path` in the folder of the original; returns how to bring it back. */
function keep(path, kept) {
  const entry = entryAt(path);
  if (!entry) {
    return { kind: 'none' };
  }
  mkdirSync(dirname(kept), { recursive: true });
  if (entry.isSymbolicLink()) {
    const target = readlinkSync(path);
    // A name beside it is kept beside it; every other place is named in full.
    const whole = target.includes('/') && !isAbsolute(target);
    symlinkSync(whole ? resolve(dirname(path), target) : target, kept);
    return { kind: 'link', target };
  }
  if (entry.isDirectory()) {
    return { kind: 'folder' };
  }
  twin(path, kept);
  return { kind: 'file' };
}

/** Removes what only we can have made: an empty folder is of no use to tfjs-node. */
function removeEmptyFolders(tfjsNode) {
  const { deps } = places(tfjsNode);
  const bindings = dirname(bindingPlace(tfjsNode).path);
  for (const folder of [join(deps, 'lib'), deps, bindings, dirname(bindings)]) {
    try {
      rmdirSync(folder);
    } catch {
      // It is not empty, or not there.
    }
  }
}

/** Writes down what tfjs-node has, and keeps it. Changes nothing of tfjs-node's own. */
function openJournal(tfjsNode) {
  const at = places(tfjsNode);
  const bindingPath = bindingPlace(tfjsNode).path;
  const known = readJson(at.journal);
  if (known) {
    return known;
  }
  rmSync(at.own, { recursive: true, force: true });
  mkdirSync(join(at.original, 'lib'), { recursive: true });
  mkdirSync(join(at.deps, 'lib'), { recursive: true });
  const names = new Set([...NAMES, 'nvidia', 'include']);
  for (const name of readdirSync(join(at.deps, 'lib'))) {
    if (name.startsWith('libtensorflow')) {
      names.add(`lib/${name}`);
    }
  }
  const entries = {};
  for (const name of names) {
    entries[name] = keep(join(at.deps, name), join(at.original, name));
  }
  const binding = keep(bindingPath, join(at.original, basename(bindingPath)));
  link(tfjsNode, 'original', at.current);
  const journal = { entries, binding: { path: bindingPath, ...binding } };
  writeJson(at.journal, journal);
  return journal;
}

/** Leads every name through `current`. A folder of tfjs-node's own, its old headers, stays what it is. */
function leadThroughCurrent(tfjsNode, journal) {
  const { deps } = places(tfjsNode);
  const names = [...NAMES, 'nvidia', 'include'];
  for (const name of names.filter((name) => journal.entries[name].kind !== 'folder')) {
    const up = name.startsWith('lib/') ? '../' : '';
    const target = `${up}.tfjs-cuda-norm/current/${name}`;
    const path = join(deps, name);
    if (!(entryAt(path)?.isSymbolicLink() && readlinkSync(path) === target)) {
      link(tfjsNode, target, path);
    }
  }
}

const setName = ({ main, framework, nvidia }) =>
  `set-${hash(main, framework, nvidia ?? '', 'parts').slice(0, 12)}`;

/** Whether tfjs-node uses this library now. */
export function isInUse(tfjsNode, library) {
  const current = entryAt(places(tfjsNode).current);
  return current !== undefined && readlinkSync(places(tfjsNode).current) === setName(library);
}

/**
 * The folder nvidia/ of a set, a link to each part. TensorFlow opens libcusolver by name from libtensorflow_framework, whose
 * RUNPATH has the folders of all the libraries it opens but that one (2.21.0): so it lies beside libcusparse too, where it
 * finds what it needs as in its own folder ($ORIGIN/../../cublas/lib).
 */
function linkParts(tfjsNode, nvidia, folder) {
  mkdirSync(folder, { recursive: true });
  const libraries = (part) => {
    const path = join(nvidia, part, 'lib');
    return existsSync(path) ? readdirSync(path).filter((file) => file.includes('.so')) : [];
  };
  for (const part of readdirSync(nvidia).filter((part) => part !== 'cusparse')) {
    link(tfjsNode, join(nvidia, part), join(folder, part));
  }
  mkdirSync(join(folder, 'cusparse/lib'), { recursive: true });
  for (const part of ['cusparse', 'cusolver']) {
    for (const file of libraries(part)) {
      link(tfjsNode, join(nvidia, part, 'lib', file), join(folder, 'cusparse/lib', file));
    }
  }
}

/** Makes the links to a library, not yet in use: `{ name, libraries }`, for `switchTo` and for who compiles against them. */
export function prepareLinks(tfjsNode, library) {
  const journal = openJournal(tfjsNode);
  const { own } = places(tfjsNode);
  const name = setName(library);
  const folder = join(own, name);
  mkdirSync(join(folder, 'lib'), { recursive: true });
  for (const file of MAIN) {
    link(tfjsNode, library.main, join(folder, 'lib', file));
  }
  for (const file of FRAMEWORK) {
    link(tfjsNode, library.framework, join(folder, 'lib', file));
  }
  if (library.include) {
    link(tfjsNode, library.include, join(folder, 'include'));
  }
  if (library.nvidia) {
    linkParts(tfjsNode, library.nvidia, join(folder, 'nvidia'));
  }
  leadThroughCurrent(tfjsNode, journal);
  return { name, libraries: join(folder, 'lib') };
}

/** Changes all names to a set of `prepareLinks` (or back to 'original') at once; returns what they led to before. */
export function switchTo(tfjsNode, name) {
  const { current } = places(tfjsNode);
  const before = readlinkSync(current);
  if (before !== name) {
    link(tfjsNode, name, current);
  }
  return before;
}

/** Gives tfjs-node a library, its binding being one that loads it. */
export function linkLibrary(tfjsNode, library) {
  switchTo(tfjsNode, prepareLinks(tfjsNode, library).name);
}

/** Removes the sets that are not in use. */
export function dropOldSets(tfjsNode) {
  const { own, current } = places(tfjsNode);
  const used = readlinkSync(current);
  for (const entry of readdirSync(own)) {
    if (entry.startsWith('set-') && entry !== used) {
      rmSync(join(own, entry), { recursive: true, force: true });
    }
  }
}

/** Gives tfjs-node another binding; its own, if there was one, is in the journal's keeping. */
export function placeBinding(tfjsNode, file) {
  const { path } = readJson(places(tfjsNode).journal).binding;
  mkdirSync(dirname(path), { recursive: true });
  replace(tfjsNode, path, (draft) => copyFileSync(file, draft));
}

function bringBack(tfjsNode, how, path, kept) {
  if (how.kind === 'none') {
    rmSync(path, { force: true });
  } else if (how.kind === 'link') {
    link(tfjsNode, how.target, path);
  } else if (how.kind === 'file') {
    replace(tfjsNode, path, (draft) => twin(kept, draft));
  }
}

/** Gives tfjs-node the binding back that it had. */
export function restoreBinding(tfjsNode) {
  const { journal, original } = places(tfjsNode);
  const { path, ...how } = readJson(journal).binding;
  bringBack(tfjsNode, how, path, join(original, basename(path)));
}

export const isLinked = (tfjsNode) => readJson(places(tfjsNode).journal) !== undefined;

/** Makes tfjs-node what it was before the first `prepareLinks`. False where nothing had been done to it. */
export function restore(tfjsNode) {
  const at = places(tfjsNode);
  const journal = readJson(at.journal);
  if (journal) {
    // Its own binding first: that loads every library, ours does not load the original one.
    restoreBinding(tfjsNode);
    switchTo(tfjsNode, 'original');
    for (const [name, how] of Object.entries(journal.entries)) {
      bringBack(tfjsNode, how, join(at.deps, name), join(at.original, name));
    }
    unlinkSync(at.journal);
  }
  rmSync(at.own, { recursive: true, force: true });
  removeEmptyFolders(tfjsNode);
  return journal !== undefined;
}
