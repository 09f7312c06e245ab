// Device queries, streams and error texts of the emulated device.
#include <cuda_runtime.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

constexpr int kVersion = 13000;
constexpr int kMultiprocessors = 4;

size_t MemoryBytes(int pages) {
  return static_cast<size_t>(sysconf(pages)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

cudaError_t OnlyDeviceZero(int device) {
  return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

}  // namespace

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  // Everything is done in order, so one stream is as good as another; null is the default stream.
  static char any;
  *stream = reinterpret_cast<cudaStream_t>(&any);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return OnlyDeviceZero(device); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated");
  properties->totalGlobalMem = MemoryBytes(_SC_PHYS_PAGES);
  properties->sharedMemPerBlock = 48 * 1024;
  properties->sharedMemPerBlockOptin = tfjs_norm::emulator::kMaxSharedBytes;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = static_cast<int>(tfjs_norm::emulator::kMaxBlockThreads);
  properties->major = 8;
  properties->minor = 0;
  properties->multiProcessorCount = kMultiprocessors;
  properties->l2CacheSize = 4 << 20;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(properties.sharedMemPerBlockOptin);
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *free_bytes = MemoryBytes(_SC_AVPHYS_PAGES);
  *total_bytes = MemoryBytes(_SC_PHYS_PAGES);
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {static_cast<int>(tfjs_norm::emulator::kMaxBlockThreads), 80, 80};
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }

namespace {

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define NORM_ERROR(name, text) {name, #name, text}
constexpr ErrorText kErrors[] = {
    NORM_ERROR(cudaSuccess, "no error"),
    NORM_ERROR(cudaErrorInvalidValue, "invalid argument"),
    NORM_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    NORM_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    NORM_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    NORM_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    NORM_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    NORM_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
};
#undef NORM_ERROR

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known.name;
  }
  return "cudaErrorUnknown";
}

const char* cudaGetErrorString(cudaError_t error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known.text;
  }
  return "unknown error";
}
