// The portable subset on a GPU: thin names for the real thing. All inline PTX of the project is
// here.
#pragma once

#include <cstdio>
#include <utility>

#include "core/cuda_status.h"

namespace tfjs_norm {

// Launches on config.stream without waiting. Fails with the kernel's name and CUDA's text.
template <class... P, class... A>
Status Launch(const LaunchConfig& config, void (*kernel)(P...), A&&... args) {
  NORM_RETURN_IF_ERROR(BeforeLaunch(config.name));
  // Beyond this a kernel has to ask for shared memory; a device may refuse.
  constexpr size_t kSharedBytesUnasked = 48 * 1024;
  cudaError_t error = cudaSuccess;
  if (config.shared_bytes > kSharedBytesUnasked) {
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(config.shared_bytes));
  }
  if (error == cudaSuccess) {
    cudaLaunchConfig_t launch = {};
    launch.gridDim = config.grid;
    launch.blockDim = config.block;
    launch.dynamicSmemBytes = config.shared_bytes;
    launch.stream = static_cast<cudaStream_t>(config.stream);
    error = cudaLaunchKernelEx(&launch, kernel, std::forward<A>(args)...);
  }
  if (error == cudaSuccess) return Ok();
  // Reported here, so it must not come up again in somebody else's cudaGetLastError.
  (void)cudaGetLastError();
  char what[320];
  std::snprintf(
      what, sizeof what,
      "launch of kernel %s (grid %u x %u x %u, block %u x %u x %u, %zu bytes of shared memory)",
      config.name, config.grid.x, config.grid.y, config.grid.z, config.block.x, config.block.y,
      config.block.z, config.shared_bytes);
  return CudaStatus(error, what);
}

// Carves the dynamic shared memory. Every thread makes the same Take calls, so all get the same
// addresses.
class SharedArena {
 public:
  NORM_DEVICE SharedArena() {
    extern __shared__ __align__(16) unsigned char norm_shared_memory[];
    next_ = norm_shared_memory;
  }

  // Uninitialised, 16-byte aligned.
  template <class T>
  NORM_DEVICE T* Take(int count) {
    T* taken = reinterpret_cast<T*>(next_);
    next_ += SharedBytes<T>(count);
    return taken;
  }

 private:
  unsigned char* next_;
};

template <int V>
NORM_DEVICE Vec<V> Load(const float* from) {
  if constexpr (V == 4) {
    const float4 t = *reinterpret_cast<const float4*>(from);
    return {{t.x, t.y, t.z, t.w}};
  } else if constexpr (V == 2) {
    const float2 t = *reinterpret_cast<const float2*>(from);
    return {{t.x, t.y}};
  } else {
    return {{*from}};
  }
}

// Global memory that no thread of the running kernel writes: read once, so kept out of L1.
template <int V>
NORM_DEVICE Vec<V> LoadStreaming(const float* from) {
  Vec<V> to;
  if constexpr (V == 4) {
    asm("ld.global.nc.L1::no_allocate.v4.f32 {%0, %1, %2, %3}, [%4];"
        : "=f"(to.v[0]), "=f"(to.v[1]), "=f"(to.v[2]), "=f"(to.v[3])
        : "l"(from));
  } else if constexpr (V == 2) {
    asm("ld.global.nc.L1::no_allocate.v2.f32 {%0, %1}, [%2];"
        : "=f"(to.v[0]), "=f"(to.v[1])
        : "l"(from));
  } else {
    asm("ld.global.nc.L1::no_allocate.f32 %0, [%1];" : "=f"(to.v[0]) : "l"(from));
  }
  return to;
}

template <int V>
NORM_DEVICE void Store(float* to, const Vec<V>& value) {
  if constexpr (V == 4) {
    *reinterpret_cast<float4*>(to) = make_float4(value.v[0], value.v[1], value.v[2], value.v[3]);
  } else if constexpr (V == 2) {
    *reinterpret_cast<float2*>(to) = make_float2(value.v[0], value.v[1]);
  } else {
    *to = value.v[0];
  }
}

// Global memory that is not read again soon: first to leave the cache.
template <int V>
NORM_DEVICE void StoreStreaming(float* to, const Vec<V>& value) {
  if constexpr (V == 4) {
    __stcs(reinterpret_cast<float4*>(to),
           make_float4(value.v[0], value.v[1], value.v[2], value.v[3]));
  } else if constexpr (V == 2) {
    __stcs(reinterpret_cast<float2*>(to), make_float2(value.v[0], value.v[1]));
  } else {
    __stcs(to, value.v[0]);
  }
}

}  // namespace tfjs_norm
