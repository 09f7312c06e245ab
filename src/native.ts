/**
 * The typed contract of the N-API addon (native/addon). This is the single door to native code:
 * everything else asks {@link loadNative}.
 */

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
