/**
 * The typed contract of the N-API addon (native/addon). This is the single door to native code:
 * everything else asks {@link loadNative}.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { askedDevice, failed, messageOf, succeeded } from './core/report';
import { hasTensorFlow, libtensorflowFiles } from './tensorflow';

/** A tensor as the addon sees it: float32, row-major. */
export interface NativeTensor {
  data: Float32Array;
  shape: number[];
}

export interface NativeCounters {
  opCalls: number;
  launches: number;
  outputBytes: number;
  tempBytes: number;
  liveBytes: number;
  peakBytes: number;
  allocations: number;
  /** Calls of each op since the last reset. */
  calls: Record<string, number>;
}

export interface NativeAttribute {
  name: string;
  type: 'int' | 'float' | 'bool';
  default: number;
  minimum: number | null;
  maximum: number | null;
}

export interface NativeOp {
  name: string;
  summary: string;
  inputs: string[];
  outputs: string[];
  /** The inputs and outputs that are lists: any number of tensors each, the same for all. */
  lists: string[];
  attributes: NativeAttribute[];
}

export interface NativeDescription {
  kind: 'cuda' | 'host' | 'emulated';
  version: string;
  /** CUDA code in the library, e.g. ['sm_80', 'sm_90', 'compute_90']; empty without CUDA. */
  architectures: string[];
  ops: NativeOp[];
}

export interface NativeTensorFlow {
  /** Whether our ops and kernels are registered with the TensorFlow in this process. */
  registered: boolean;
  version: string;
  path: string;
  /** Why not, when not registered. */
  message: string;
}

export interface NativeDevices {
  driver: number;
  runtime: number;
  devices: {
    name: string;
    computeCapability: string;
    totalMemory: number;
    freeMemory: number;
    multiprocessors: number;
    hasCode: boolean;
  }[];
  message: string;
}

/** What `require('tfjs_cuda_norm.node')` gives. Every method throws an `Error` with the native message. */
export interface NativeAddon {
  /**
   * Loads the op library, once per process (worker threads and jest contexts share it; another path
   * afterwards throws). `tensorflow`: files of libtensorflow to load before it, in order, global.
   */
  load(library: string, tensorflow: string[]): NativeDescription;
  tensorflow(): NativeTensorFlow;
  devices(): NativeDevices;
  counters(): NativeCounters;
  resetCounters(): void;
  injectFault(kind: 'allocation' | 'launch', after: number): void;
  emulatorOrder(order: 'forward' | 'reverse' | 'random', seed: number): void;
  /** A direct call, synchronous. device 'cuda' means emulated in the emulated library. */
  run(
    op: string,
    device: 'host' | 'cuda',
    inputs: NativeTensor[],
    attributes: Record<string, number | boolean>,
  ): NativeTensor[];
}

/** The op library that was loaded. */
export interface NativeLibrary {
  addon: NativeAddon;
  path: string;
  description: NativeDescription;
  /** Whether its ops are registered with the TensorFlow under tfjs-node. */
  registered: boolean;
}

const SETUP = 'run "npx tfjs-cuda-norm setup"';
const FILES = {
  cuda: 'libtfjs_cuda_norm.so',
  host: 'libtfjs_cuda_norm_host.so',
  emulated: 'libtfjs_cuda_norm_emulated.so',
};
/** Which libraries may serve the device asked for, best first. */
const CANDIDATES = {
  auto: [FILES.cuda, FILES.host],
  cuda: [FILES.cuda],
  // The CUDA library holds the host kernels too.
  host: [FILES.host, FILES.cuda],
  emulated: [FILES.emulated],
  composed: [],
};

const ADDON = 'tfjs_cuda_norm.node';

/** What was built on this machine, else what the package brings (scripts/setup/context.mjs looks there, too). */
function findFolder(): string {
  const folders = ['build/Release', 'prebuilt/linux-x64'].map((name) =>
    join(__dirname, '..', name),
  );
  return folders.find((folder) => existsSync(join(folder, ADDON))) ?? folders[0]!;
}

/** Where the addon and the op libraries are looked for. */
export const libraryFolder = process.env.TFJS_CUDA_NORM_LIBRARY_DIR || findFolder();

function loadAddon(): NativeAddon | undefined {
  const file = join(libraryFolder, ADDON);
  if (!existsSync(file)) {
    failed('addon', `${file} does not exist`, SETUP);
    return undefined;
  }
  try {
    const addon = require(file) as NativeAddon;
    succeeded('addon', file);
    return addon;
  } catch (error) {
    failed('addon', `${file} does not load: ${messageOf(error)}`, SETUP);
    return undefined;
  }
}

function isRegistered(addon: NativeAddon): boolean {
  if (!hasTensorFlow) return false;
  const { registered, version, path, message } = addon.tensorflow();
  if (registered) succeeded('registration', `with TensorFlow ${version}, ${path}`);
  else failed('registration', `our ops are not registered with TensorFlow: ${message}`, SETUP);
  return registered;
}

function loadLibrary(addon: NativeAddon, path: string): NativeLibrary | undefined {
  try {
    const description = addon.load(path, libtensorflowFiles());
    succeeded('library', `${path}, version ${description.version}`);
    return { addon, path, description, registered: isRegistered(addon) };
  } catch (error) {
    failed('library', `${path} does not load: ${messageOf(error)}`, SETUP);
    return undefined;
  }
}

function findLibrary(): NativeLibrary | undefined {
  const names = CANDIDATES[askedDevice];
  if (names.length === 0) return undefined;
  const files = names.map((name) => join(libraryFolder, name)).filter(existsSync);
  if (files.length === 0) {
    failed('library', `there is no ${names.join(' and no ')} in ${libraryFolder}`, SETUP);
    return undefined;
  }
  const addon = loadAddon();
  if (!addon) return undefined;
  for (const file of files) {
    const library = loadLibrary(addon, file);
    if (library) return library;
  }
  return undefined;
}

/** The op library of the device asked for; undefined where there is none or it does not load. */
export const nativeLibrary: NativeLibrary | undefined = findLibrary();

/** The addon, with its op library loaded; undefined where the ops are composed. */
export function loadNative(): NativeAddon | undefined {
  return nativeLibrary?.addon;
}
