/** The members of `norm`. */
import { checkAskedDevice } from './core/device';
import { loadNative, type NativeCounters } from './native';

export * as constraints from './constraints';
export { device } from './core/device';
export { NormError } from './core/errors';
/** What happened while the package loaded, step by step: what was found, what failed and how to fix it. */
export { loadSteps as loadReport } from './core/report';
export * as initializers from './initializers';
export { analyticNormalization } from './models/analyticNormalization';
export { calibrate } from './models/calibrate';
export { checkSelfNormalizing } from './models/checkSelfNormalizing';
export { dataDependentInit } from './models/dataDependentInit';
export { fixupResNet } from './models/fixupResNet';
export { predictEnsemble } from './models/predictEnsemble';
export { replaceNormalization } from './models/replaceNormalization';
export { useNativeOps } from './models/useNativeOps';
export * as layers from './norms/layers';
export * as ops from './norms/ops';
export { seluParameters } from './norms/seluParameters';
export { applyConstraints } from './training/applyConstraints';
export * as data from './training/data';
export { EquiNormalization } from './training/equiNormalization';
export * as losses from './training/losses';
export { buildScalingGroups } from './training/modelGroups';
export * as optimizers from './training/optimizers';
export * as schedules from './training/schedules';

const NOTHING: NativeCounters = {
  opCalls: 0,
  launches: 0,
  outputBytes: 0,
  tempBytes: 0,
  liveBytes: 0,
  peakBytes: 0,
  allocations: 0,
  calls: {},
};

/** What the native ops did since the last reset; zeros where the ops are composed. */
export function counters(): NativeCounters {
  return loadNative()?.counters() ?? { ...NOTHING, calls: {} };
}

/** Sets the counters of {@link counters} to zero, but for live bytes. */
export function resetCounters(): void {
  loadNative()?.resetCounters();
}

checkAskedDevice();
