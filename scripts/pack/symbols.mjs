// What a library asks of the machine it runs on: versions of glibc and libstdc++, and other libraries.

import { isOlder } from '../setup/prebuilt.mjs';
import { run } from '../setup/process.mjs';

// Ubuntu 22.04 and Debian 12 have these or newer, and TensorFlow 2.21's own wheel asks for a recent machine as well.
export const NEWEST = { GLIBC: '2.35', GLIBCXX: '3.4.30', CXXABI: '1.3.13' };
const LIBRARIES = /^(lib(c|m|dl|pthread|rt|stdc\+\+|gcc_s)\.so\.\d+|ld-linux-x86-64\.so\.2)$/;

/** `{ GLIBC, GLIBCXX, CXXABI }`: the newest version of each that a library needs. */
export async function neededVersions(file) {
  const { code, output } = await run('objdump', ['-T', file]);
  if (code !== 0) {
    throw new Error(`objdump -T ${file}: ${output}`);
  }
  const needed = {};
  for (const [, name, version] of output.matchAll(/\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)/g)) {
    if (!needed[name] || isOlder(needed[name], version)) {
      needed[name] = version;
    }
  }
  return needed;
}

/** The libraries that must be there before a library loads. */
export async function neededLibraries(file) {
  const { code, output } = await run('objdump', ['-p', file]);
  if (code !== 0) {
    throw new Error(`objdump -p ${file}: ${output}`);
  }
  return [...output.matchAll(/^\s*NEEDED\s+(\S+)$/gm)].map(([, name]) => name);
}

/** What is wrong with shipping a library, in words; `allowed` are libraries beside the system's. */
export async function shippingProblems(file, allowed = [], newest = NEWEST) {
  const versions = await neededVersions(file);
  const libraries = await neededLibraries(file);
  return [
    ...Object.entries(versions)
      .filter(([name, version]) => isOlder(newest[name] ?? NEWEST[name], version))
      .map(
        ([name, version]) =>
          `it needs ${name} ${version}, newer than ${newest[name] ?? NEWEST[name]}`,
      ),
    ...libraries
      .filter((name) => !LIBRARIES.test(name) && !allowed.includes(name))
      .map((name) => `it needs ${name}`),
  ];
}
