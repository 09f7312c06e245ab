/** Every normalizer's entry: a file of test/support/ops is one. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EveryOp, OpEntry, RawOp } from './opEntry';

const folder = join(__dirname, 'ops');

const entries: OpEntry[] = readdirSync(folder)
  .sort()
  .map((file) => require(join(folder, file)) as OpEntry);

export const everyOp: EveryOp[] = entries.flatMap((entry) => entry.everyOp ?? []);

/** Calls of the native ops that gradients of everyOp do not make. */
export const otherCalls = entries.flatMap((entry) => [
  ...(entry.everyOp?.otherCalls ?? []),
  ...(entry.otherCalls ?? []),
]);

/** A valid call of each native op. */
export const rawOps: RawOp[] = entries.flatMap((entry) => entry.rawOps);
