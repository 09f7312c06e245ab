// NORM_HOST_DEVICE: functions of plain arithmetic that host kernels and CUDA kernels share. In
// files of their own, which know nothing of CUDA.
#pragma once

#ifdef __CUDACC__
#define NORM_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define NORM_HOST_DEVICE inline
#endif
