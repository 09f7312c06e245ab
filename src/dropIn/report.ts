/** What ran native and what did not since `tfjs-cuda-norm/register` was imported. */
import { warn } from '../core/warn';
import type { NativeGraphReport } from '../graph/useNativeGraph';

/** A layer, or a kernel of tfjs's, that native ops stand in for. */
export interface DropInEntry {
  /** The layer's name; for a kernel that is not called by a layer of ours, the kernel's. */
  name: string;
  className: string;
  calls: number;
}

/** One that tfjs's own code computed, and why. */
export interface StockEntry extends DropInEntry {
  reason: string;
}

/** What {@link report} gives. */
export interface RegisterReport {
  native: DropInEntry[];
  stock: StockEntry[];
  /** What `norm.useNativeOps` says of each graph model that was loaded. */
  graphs: Omit<NativeGraphReport<unknown>, 'model'>[];
}

const native = new Map<string, DropInEntry>();
const stock = new Map<string, StockEntry>();
let graphs: RegisterReport['graphs'] = [];

function count<E extends DropInEntry>(entries: Map<string, E>, entry: E): E {
  const { className, name } = entry;
  const key = [className, name, (entry as Partial<StockEntry>).reason].join('\n');
  const found = entries.get(key) ?? entry;
  entries.set(key, found);
  found.calls++;
  return found;
}

export function countNative(className: string, name: string): void {
  count(native, { className, name, calls: 0 });
}

/** Not the model, which the report must not keep alive. */
export function addGraphReport({ replaced, kept }: NativeGraphReport<unknown>): void {
  graphs.push({ replaced, kept });
}

const warned = new Set<string>();

/** `expected` reasons are in the report only; the others are also said once. */
export function countStock(
  className: string,
  name: string,
  reason: string,
  expected: boolean,
): void {
  count(stock, { className, name, reason, calls: 0 });
  const key = `${className}\n${reason}`;
  if (expected || warned.has(key)) return;
  warned.add(key);
  warn(`register: tfjs's own ${className} computes ${name}: ${reason}`);
}

/**
 * What ran since the import or the last {@link resetReport}: the layers and kernels that ran native, with the number of
 * calls, those that tfjs's own code computed, with the reason, and the graph models that were loaded.
 */
export function report(): RegisterReport {
  const copy = <E>(entries: Map<string, E>) => [...entries.values()].map((entry) => ({ ...entry }));
  return { native: copy(native), stock: copy(stock), graphs: [...graphs] };
}

/** Empties the {@link report}. */
export function resetReport(): void {
  native.clear();
  stock.clear();
  graphs = [];
}
