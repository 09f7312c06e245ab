// What portable.h promises, for whichever <cuda_runtime.h> is in use. The parts that differ are in
// portable_cuda.h and emulator/portable_emulated.h, which implement one and the same interface:
//
//   Launch                      the only way to start a kernel
//   SharedArena                 the only way to shared memory
//   Load, LoadStreaming         V = 1, 2 or 4 floats from V * 4 byte aligned memory
//   Store, StoreStreaming       the same, to memory
//   NORM_DEVICE, NORM_UNROLL, NORM_LAUNCH_BOUNDS(threads, min_blocks),
//   NORM_GRID_CONSTANT
#pragma once

#include <cstddef>

#include "core/counters.h"
#include "core/host_device.h"
#include "core/status.h"

#ifdef NORM_EMULATED_RUNTIME
#define NORM_DEVICE inline
#define NORM_UNROLL
#define NORM_LAUNCH_BOUNDS(threads, min_blocks)
#define NORM_GRID_CONSTANT
#else
#define NORM_DEVICE __device__ __forceinline__
#define NORM_UNROLL _Pragma("unroll")
#define NORM_LAUNCH_BOUNDS(threads, min_blocks) __launch_bounds__(threads, min_blocks)
// Of a large const parameter that is indexed: it is read where it lies.
#define NORM_GRID_CONSTANT __grid_constant__
#endif

namespace tfjs_norm {

struct LaunchConfig {
  const char* name;  // in messages and in the emulator's reports
  dim3 grid;
  dim3 block;
  size_t shared_bytes;  // the sum of SharedBytes<T>(count) over the kernel's Take<T>(count)
  void* stream;         // cudaStream_t
};

template <int V>
struct Vec {
  static_assert(V == 1 || V == 2 || V == 4, "a vector access is 4, 8 or 16 bytes");
  float v[V];
};

// Bytes that SharedArena::Take<T>(count) takes.
template <class T>
NORM_HOST_DEVICE constexpr size_t SharedBytes(int count) {
  static_assert(alignof(T) <= 16, "SharedArena hands out 16-byte aligned memory");
  return (static_cast<size_t>(count) * sizeof(T) + 15) / 16 * 16;
}

}  // namespace tfjs_norm

#ifdef NORM_EMULATED_RUNTIME
#include "emulator/portable_emulated.h"
#else
#include "core/portable_cuda.h"
#endif
