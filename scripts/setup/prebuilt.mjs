// What the published package brings built: libraries and tfjs-node's binding for Linux x64, so that setup compiles nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './context.mjs';
import { readJson } from './store.mjs';

/** Where scripts/pack.mjs puts them in the package, and src/native.ts looks. */
export const PREBUILT = 'prebuilt/linux-x64';

const numbers = (version) => String(version).split('.').map(Number);

/** Whether a version comes before another one, number by number. */
export function isOlder(version, other) {
  const [a, b] = [numbers(version), numbers(other)];
  const at = [...a, ...b].findIndex((_, i) => (a[i] ?? 0) !== (b[i] ?? 0));
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

const glibc = () => process.report?.getReport?.().header.glibcVersionRuntime;

/**
 * `{ folder, facts }` with the facts of prebuilt.json; `{ reason }` where this machine cannot use what is there; undefined
 * where the package brings nothing, as in a checkout.
 */
export function prebuilt(
  root = packageRoot,
  machine = { platform: `${process.platform}-${process.arch}`, glibc: glibc() },
) {
  const folder = join(root, PREBUILT);
  const facts = readJson(join(folder, 'prebuilt.json'));
  if (!facts) {
    return undefined;
  }
  if (machine.platform !== facts.platform) {
    return { reason: `they are for ${facts.platform}, this is ${machine.platform}` };
  }
  if (!machine.glibc || isOlder(machine.glibc, facts.glibc)) {
    return {
      reason: `they need glibc ${facts.glibc}, this is ${machine.glibc ?? 'another C library'}`,
    };
  }
  const missing = Object.keys(facts.files).filter((file) => !existsSync(join(folder, file)));
  return missing.length > 0 ? { reason: `${missing.join(', ')} is missing` } : { folder, facts };
}
