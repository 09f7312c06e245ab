/** The stand-in driver of this process: what it counted, and faults on demand (native/emulator/driver/control.h). */
import { join } from 'node:path';

interface Traffic {
  count: number;
  bytes: number;
}

export interface DriverCounters {
  copies: { toDevice: Traffic; toHost: Traffic; onDevice: Traffic; betweenDevices: Traffic };
  allocations: number;
  frees: number;
  liveBytes: number;
  peakBytes: number;
  events: number;
  streams: {
    stream: number;
    device: number;
    copies: number;
    launches: Record<string, number>;
  }[];
  devices: number;
  lost: boolean;
}

export type Fault = 'allocation' | 'full' | 'copy' | 'launch' | 'lost';

const addon = require(join(__dirname, '../../build/Release/stand_in.node')) as {
  counters(): string;
  reset(): void;
  fault(kind: Fault, after: number): void;
};

export const counters = (): DriverCounters => JSON.parse(addon.counters());

/** What the driver counted during the call. */
export function during(call: () => void): DriverCounters {
  addon.reset();
  call();
  return counters();
}

/** Makes the (after + 1)-th operation of the kind fail while the call runs. */
export function withFault<T>(kind: Fault, after: number, call: () => T): T {
  addon.fault(kind, after);
  try {
    return call();
  } finally {
    addon.fault(kind, -1);
  }
}

/** Kernels launched on each stream that had any: `{ 3: { RowNormForward: 1 } }`. */
export const launches = (of: DriverCounters): Record<number, Record<string, number>> =>
  Object.fromEntries(
    of.streams
      .filter((stream) => Object.keys(stream.launches).length > 0)
      .map((stream) => [stream.stream, stream.launches]),
  );
