// NORM_HOST_DEVICE: functions of plain arithmetic that host kernels and CUDA kernels share. In
// files of their own, which know nothing of CUDA.
#pragma once

#ifdef __CUDACC__
#define NORM_HOST_DEVICE __host__ __device__ __forceinline__
#else
// Never a function of its own: the host compiles some with several instruction sets
// (core/host_simd.h).
#define NORM_HOST_DEVICE inline __attribute__((always_inline))
#endif
