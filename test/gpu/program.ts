/**
 * What `scripts/gpu-check --tensorflow` runs on a GPU under tfjs-node, as one file (scripts/gpu-program.mjs). Prints
 * one JSON object. The environment says what to do:
 *
 *   GPU_CHECK_PARTS   ops, step, memory
 *   GPU_CHECK_MODEL   full, or norms: without convolutions and products, for a device without cuDNN and cuBLAS
 *   GPU_CHECK_DRIVER  the addon of the stand-in driver, whose counters tell copies
 */
import { norm, tf } from '../../src';
import { nativeLibrary } from '../../src/native';
import { memoryOver } from './memory';
import { compareOps } from './ops';
import { makeStep, timeStep } from './step';

const parts = (process.env.GPU_CHECK_PARTS ?? 'ops,step,memory').split(',');
const report: Record<string, unknown> = {
  gpu: (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true,
  device: norm.device(),
  devices: nativeLibrary?.addon.devices(),
  tensorflow: nativeLibrary?.addon.tensorflow(),
};
if (parts.includes('ops')) report.ops = compareOps();
const step = makeStep(process.env.GPU_CHECK_MODEL === 'norms');
if (parts.includes('step')) report.step = timeStep(step);
if (parts.includes('memory')) report.memory = memoryOver(200, step);
step.dispose();
console.log(`report:${JSON.stringify(report)}`);
