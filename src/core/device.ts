/** Which device the ops run on, and why. */
import { existsSync, readdirSync } from 'node:fs';
import { libraryFolder, nativeLibrary } from '../native';
import { defaultBackend, hasTensorFlow, hasTensorFlowGpu, tf } from '../tensorflow';
import { askedDevice, type Device, failures } from './report';
import { warn } from './warn';

export interface DeviceInfo {
  /** Where ops on the current backend run. */
  device: Device;
  /** tfjs's current backend. */
  backend: string;
  /** Why this device and no other. */
  reason: string;
  /** The op library that is loaded. */
  library: string | null;
}

/** Where ops on this backend run. */
export function deviceOn(backend: string): Device {
  if (!nativeLibrary) return 'composed';
  const { kind } = nativeLibrary.description;
  const own = kind === 'emulated' ? 'emulated' : 'host';
  if (backend === 'cpu') return own;
  if (backend !== 'tensorflow' || !nativeLibrary.registered) return 'composed';
  return kind === 'cuda' && hasTensorFlowGpu() ? 'cuda' : own;
}

/** Whether the library has machine code for a GPU; with PTX alone the driver compiles it. */
function hasMachineCode(computeCapability: string): boolean {
  const [major, minor] = computeCapability.split('.').map(Number);
  const codes = nativeLibrary!.description.architectures.map((code) => /^sm_(\d+)(\d)$/.exec(code));
  return codes.some((code) => code && Number(code[1]) === major && Number(code[2]) <= minor!);
}

/** Asked for once: the answer does not change, and asking makes contexts on the devices. */
function once<T>(find: () => T): () => T {
  let found: { value: T } | undefined;
  return () => {
    found ??= { value: find() };
    return found.value;
  };
}

/** What there is to know about TensorFlow's GPUs as our CUDA kernels see them; empty where nothing is. */
const aboutGpus = once((): string => {
  const { devices, message } = nativeLibrary!.addon.devices();
  const [first] = devices;
  if (!first) return `our kernels cannot use TensorFlow's GPU: ${message}`;
  const notes: string[] = [];
  if (first.hasCode && !hasMachineCode(first.computeCapability)) {
    notes.push(
      `there is no machine code for ${first.name} (compute capability ${first.computeCapability}) in the library: the ` +
        'driver compiles its PTX when an op first runs, and keeps the result',
    );
  }
  if (devices.length > 1) {
    notes.push(
      `there are ${devices.length} GPUs: tfjs-node puts tensors on the last and runs ops on the first, so every new ` +
        'tensor is copied between them; set CUDA_VISIBLE_DEVICES to the one that this process is to use',
    );
  }
  return notes.join('; ');
});

/** The GPU of this machine that TensorFlow does not use, with what to do; empty where there is none. */
const unusedGpu = once((): string => {
  const listed = '/proc/driver/nvidia/gpus';
  const isCuda = nativeLibrary?.description.kind === 'cuda';
  const seen = isCuda ? nativeLibrary!.addon.devices().devices[0] : undefined;
  if (!seen && !(existsSync(listed) && readdirSync(listed).length > 0)) return '';
  return (
    `this machine has a GPU${seen ? ` (${seen.name})` : ''}, and TensorFlow does not use it: ` +
    '"npx tfjs-cuda-norm setup --cuda" brings its CUDA build, "npx tfjs-cuda-norm doctor" says what else is missing'
  );
});

function whyNative(backend: string): string {
  const { path, description } = nativeLibrary!;
  if (backend === 'cpu') return `direct calls into ${path} serve backend cpu`;
  if (description.kind !== 'cuda') return `${path} is loaded`;
  if (!hasTensorFlowGpu()) {
    return [
      `${path} is loaded, but TensorFlow has no GPU device: its CPU device runs the host kernels`,
      unusedGpu(),
    ]
      .filter(Boolean)
      .join('; ');
  }
  return [`${path} is loaded and TensorFlow has a GPU`, aboutGpus()].filter(Boolean).join('; ');
}

function why(backend: string, device: Device): string {
  const because = failures();
  if (askedDevice === 'composed') {
    return ['TFJS_CUDA_NORM_DEVICE is composed', because].filter(Boolean).join('; ');
  }
  if (device !== 'composed') return [whyNative(backend), because].filter(Boolean).join('; ');
  if (nativeLibrary && backend !== defaultBackend)
    return `native kernels do not serve backend ${backend}`;
  return because || `no native library in ${libraryFolder}`;
}

/**
 * Where the ops run now: `cuda` only where TensorFlow has a GPU and our CUDA library is registered with it;
 * `host` for the host kernels, under TensorFlow or directly on tfjs's backend `cpu`; `emulated` in tests;
 * `composed` where the ops are made of plain tfjs ops.
 */
export function device(): DeviceInfo {
  const backend = tf.getBackend();
  const here = deviceOn(backend);
  const library = nativeLibrary?.path ?? null;
  return { device: here, backend, reason: why(backend, here), library };
}

const WARNED = Symbol.for('tfjs-cuda-norm.warned');

function warnOnce(message: string): void {
  const global = globalThis as { [WARNED]?: boolean };
  if (global[WARNED]) return;
  global[WARNED] = true;
  warn(message);
}

/** Holds what was asked for against what was found: an error for a device by name, one warning for `auto`. */
export function checkAskedDevice(): void {
  const found = deviceOn(defaultBackend);
  const reason = why(defaultBackend, found);
  if (askedDevice !== 'auto' && askedDevice !== found) {
    const fix =
      'Run "npx tfjs-cuda-norm doctor" to see what is missing, or unset TFJS_CUDA_NORM_DEVICE to take what is there.';
    throw new Error(
      `TFJS_CUDA_NORM_DEVICE=${askedDevice} cannot be honoured (found: ${found}): ${reason}. ${fix}`,
    );
  }
  if (found === 'composed' && askedDevice !== 'composed') {
    warnOnce(`no native kernels, the ops are composed of plain tfjs ops: ${reason}`);
  } else if (!hasTensorFlow) {
    warnOnce(`tfjs-node does not load, tensors are on tfjs's backend cpu: ${reason}`);
  } else if (found === 'host' && hasTensorFlowGpu()) {
    warnOnce(`TensorFlow has a GPU, but our kernels run on the host: ${reason}`);
  } else {
    const note = found === 'cuda' ? aboutGpus() : askedDevice === 'auto' && unusedGpu();
    if (note) warnOnce(note);
  }
}
