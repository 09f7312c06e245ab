/** Copies between host and device, where the stand-in driver is there to count them. */
export function driverCounters() {
  const file = process.env.GPU_CHECK_DRIVER;
  if (!file) return undefined;
  const driver = require(file) as { counters(): string; reset(): void };
  return {
    reset: () => driver.reset(),
    copies(): { toDevice: number; toHost: number; liveBytes: number } {
      const { copies, liveBytes } = JSON.parse(driver.counters());
      return { toDevice: copies.toDevice.count, toHost: copies.toHost.count, liveBytes };
    },
  };
}
