// The stand-in CUDA runtime over the stand-in driver: libcudart.so.12 for TensorFlow's own kernels,
// and one inside of our library, as the real one is. Kernels are registered and launched by name
// and compute nothing; what a caller needs beyond these it does not find.
#include "emulator/driver/cudart.h"

#include <map>
#include <mutex>
#include <utility>

namespace {

using tfjs_norm::driver::Context;
using tfjs_norm::driver::Of;
using tfjs_norm::driver::RuntimeResult;

struct Dim3 {
  unsigned x, y, z;
};

// The beginning of a cudaLaunchConfig_t.
struct RuntimeLaunch {
  Dim3 grid, block;
  size_t shared_bytes;
  void* stream;
};

// What TensorFlow's own kernels read of CUDA 12's cudaDeviceProp, at its places.
struct Properties12 {
  char name[256];
  char identity[32];
  size_t total_memory, shared_memory_per_block;
  int registers_per_block, warp_size;
  size_t memory_pitch;
  int max_threads_per_block, max_block[3], max_grid[3], clock_rate;
  size_t constant_memory;
  int major, minor;
  size_t texture_alignment[2];
  int overlap, multiprocessors, to_maximum_threads[58], max_threads_per_multiprocessor;
  char rest[1032 - 628];
};
static_assert(sizeof(Properties12) == 1032, "the size of CUDA 12's");

// The beginning of cudaFuncAttributes.
struct FunctionAttributes {
  size_t memory[3];
  int threads_per_block, registers, ptx_version, binary_version;
};

struct Kernels {
  std::mutex mutex;
  std::map<const void*, const char*> names;  // by the host function that stands for it
};

Kernels& Registered() {
  static auto& kernels = *new Kernels;
  return kernels;
}

const char* NameOf(const void* function) {
  Kernels& kernels = Registered();
  const std::lock_guard<std::mutex> lock(kernels.mutex);
  const auto found = kernels.names.find(function);
  return found != kernels.names.end() ? found->second : "unknown";
}

int Launch(const void* function, void* stream) {
  return RuntimeResult("norm_driver_launch", NameOf(function), stream);
}

thread_local struct {
  Dim3 grid, block;
  size_t shared_bytes;
  void* stream;
} configuration;

}  // namespace

NORM_DRIVER_API void** __cudaRegisterFatBinary(void*) {
  static void* handle[64];
  return handle;
}
NORM_DRIVER_API void __cudaRegisterFatBinaryEnd(void**) {}
NORM_DRIVER_API void __cudaUnregisterFatBinary(void**) {}
NORM_DRIVER_API void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
NORM_DRIVER_API char __cudaInitModule(void**) { return 1; }
NORM_DRIVER_API void __cudaRegisterFunction(void**, const char* function, char*, const char* name,
                                            int, void*, void*, void*, void*, int*) {
  Kernels& kernels = Registered();
  const std::lock_guard<std::mutex> lock(kernels.mutex);
  kernels.names[function] = name;
}

// What nvcc makes of <<<>>>, which is also how it makes a kernel known to the linker.
NORM_DRIVER_API unsigned __cudaPushCallConfiguration(Dim3 grid, Dim3 block, size_t shared_bytes,
                                                     void* stream) {
  configuration = {grid, block, shared_bytes, stream};
  return 0;
}
NORM_DRIVER_API int __cudaPopCallConfiguration(Dim3* grid, Dim3* block, size_t* shared_bytes,
                                               void** stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *shared_bytes = configuration.shared_bytes;
  *stream = configuration.stream;
  return 0;
}
NORM_DRIVER_API int __cudaGetKernel(const void** kernel, const void* function) {
  *kernel = function;
  return 0;
}
NORM_DRIVER_API int __cudaLaunchKernel(const void* kernel, Dim3, Dim3, void**, size_t,
                                       void* stream) {
  return Launch(kernel, stream);
}
NORM_DRIVER_API int cudaLaunchKernel(const void* function, Dim3, Dim3, void**, size_t,
                                     void* stream) {
  return Launch(function, stream);
}
NORM_DRIVER_API int cudaLaunchKernelExC(const RuntimeLaunch* launch, const void* function, void**) {
  return Launch(function, launch->stream);
}
NORM_DRIVER_API int cudaFuncSetAttribute(const void*, int, int) { return 0; }
NORM_DRIVER_API int cudaFuncGetAttributes(FunctionAttributes* attributes, const void*) {
  *attributes = {{}, 1024, 32, 90, 90};
  return 0;
}
NORM_DRIVER_API int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*,
                                                                           int, size_t, unsigned) {
  *blocks = 2;
  return 0;
}
NORM_DRIVER_API int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int,
                                                                  size_t) {
  *blocks = 2;
  return 0;
}

NORM_DRIVER_API int cudaGetDeviceCount(int* count) {
  *count = 0;
  return RuntimeResult("cuDeviceGetCount", count);
}
NORM_DRIVER_API int cudaGetDevice(int* device) { return RuntimeResult("cuCtxGetDevice", device); }
NORM_DRIVER_API int cudaSetDevice(int device) {
  Context context = nullptr;
  const int result = RuntimeResult("cuDevicePrimaryCtxRetain", &context, device);
  return result == 0 ? RuntimeResult("cuCtxSetCurrent", context) : result;
}
NORM_DRIVER_API int cudaDeviceGetAttribute(int* value, int attribute, int device) {
  return RuntimeResult("cuDeviceGetAttribute", value, attribute, device);
}
NORM_DRIVER_API int cudaGetDeviceProperties_v2(Properties12* properties, int device) {
  using namespace tfjs_norm::driver;
  *properties = {};
  RuntimeResult("cuDeviceTotalMem_v2", &properties->total_memory, device);
  for (const auto& [attribute, value] : {
           std::pair{kWarpSize, &properties->warp_size},
           std::pair{kMaxThreadsPerBlock, &properties->max_threads_per_block},
           std::pair{kMultiprocessorCount, &properties->multiprocessors},
           std::pair{kMaxThreadsPerMultiprocessor, &properties->max_threads_per_multiprocessor},
           std::pair{kComputeCapabilityMajor, &properties->major},
       }) {
    RuntimeResult("cuDeviceGetAttribute", value, int{attribute}, device);
  }
  return RuntimeResult("cuDeviceGetName", properties->name, int{sizeof properties->name}, device);
}
NORM_DRIVER_API int cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return RuntimeResult("cuCtxGetStreamPriorityRange", least, greatest);
}

NORM_DRIVER_API int cudaMalloc(void** data, size_t bytes) {
  return RuntimeResult("cuMemAlloc_v2", data, bytes);
}
NORM_DRIVER_API int cudaFree(void* data) { return RuntimeResult("cuMemFree_v2", data); }
NORM_DRIVER_API int cudaMemcpy(void* to, const void* from, size_t bytes, int) {
  return RuntimeResult("cuMemcpy", to, from, bytes);
}
NORM_DRIVER_API int cudaMemcpyAsync(void* to, const void* from, size_t bytes, int, void* stream) {
  return RuntimeResult("cuMemcpyAsync", to, from, bytes, stream);
}
NORM_DRIVER_API int cudaMemsetAsync(void* to, int value, size_t bytes, void* stream) {
  return RuntimeResult("cuMemsetD8Async", to, static_cast<unsigned char>(value), bytes, stream);
}
NORM_DRIVER_API int cudaStreamSynchronize(void* stream) {
  return RuntimeResult("cuStreamSynchronize", stream);
}
