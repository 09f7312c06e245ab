#include "core/devices_cuda.h"

#include "core/device_facts.h"

#ifdef NORM_KIND_host

namespace tfjs_norm {
namespace cuda {
namespace {

Status NoCuda() {
  return Error(Code::kUnimplemented, "this library was built without CUDA kernels");
}

}  // namespace

Status Allocate(size_t, void**) { return NoCuda(); }
void Free(void*) {}
Status FillZero(void*, size_t, void*) { return NoCuda(); }
Status CopyOnDevice(void*, const void*, size_t, void*) { return NoCuda(); }
Status CopyToDevice(void*, const void*, size_t) { return NoCuda(); }
Status CopyToHost(void*, const void*, size_t) { return NoCuda(); }
Status Synchronize(void*) { return NoCuda(); }
std::string DescribeDevices() { return DevicesJson(0, 0, {}, NoCuda().message()); }

}  // namespace cuda
}  // namespace tfjs_norm

#else

#include <algorithm>

#include "core/cuda_status.h"
#ifdef NORM_KIND_cuda
#include <dlfcn.h>
#endif

namespace tfjs_norm {
namespace cuda {
namespace {

Status Checked(cudaError_t error, const char* what) {
  // Reported here, so it must not come up again in somebody else's cudaGetLastError.
  if (error != cudaSuccess) (void)cudaGetLastError();
  return CudaStatus(error, what);
}

#ifdef NORM_KIND_cuda

// NVML, because cudaMemGetInfo would create a context (seconds, and hundreds of megabytes) on every
// device.
double FreeMemory(const cudaDeviceProp& device) {
  struct Memory {
    unsigned long long total, free, used;
  } memory = {};
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return 0;
  const auto init = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
  const auto shutdown = reinterpret_cast<int (*)()>(dlsym(library, "nvmlShutdown"));
  const auto find = reinterpret_cast<int (*)(const char*, void**)>(
      dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
  const auto read =
      reinterpret_cast<int (*)(void*, Memory*)>(dlsym(library, "nvmlDeviceGetMemoryInfo"));
  if (init && shutdown && find && read && init() == 0) {
    char bus[32];
    std::snprintf(bus, sizeof bus, "%08x:%02x:%02x.0", device.pciDomainID, device.pciBusID,
                  device.pciDeviceID);
    void* handle = nullptr;
    if (find(bus, &handle) != 0 || read(handle, &memory) != 0) memory.free = 0;
    shutdown();
  }
  dlclose(library);
  // Of a partitioned GPU, NVML tells the memory of the whole.
  return static_cast<double>(std::min<unsigned long long>(memory.free, device.totalGlobalMem));
}

#else

double FreeMemory(const cudaDeviceProp&) {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  (void)cudaMemGetInfo(&free_bytes, &total_bytes);
  return static_cast<double>(free_bytes);
}

#endif

std::string VersionText(int version) {
  return std::to_string(version / 1000) + '.' + std::to_string(version % 1000 / 10);
}

std::string WhyNoDevices(cudaError_t error, int driver, int runtime) {
  if (error == cudaSuccess || error == cudaErrorNoDevice) {
    return "the NVIDIA driver shows no CUDA device (is CUDA_VISIBLE_DEVICES empty?)";
  }
  if (driver == 0) return "no NVIDIA driver found (libcuda.so.1 does not load)";
  if (driver / 1000 < runtime / 1000) {
    return "the NVIDIA driver supports CUDA " + VersionText(driver) + ", expected " +
           VersionText(runtime / 1000 * 1000) +
           " or newer: update the driver, or build this library with an older nvcc";
  }
  return std::string("the CUDA devices cannot be listed: ") + cudaGetErrorString(error) + " (" +
         cudaGetErrorName(error) + ")";
}

}  // namespace

Status Allocate(size_t bytes, void** data) {
  char what[64];
  std::snprintf(what, sizeof what, "cudaMalloc of %zu bytes", bytes);
  return Checked(cudaMalloc(data, bytes), what);
}

void Free(void* data) { (void)Checked(cudaFree(data), "cudaFree"); }

Status FillZero(void* data, size_t bytes, void* stream) {
  return Checked(cudaMemsetAsync(data, 0, bytes, static_cast<cudaStream_t>(stream)),
                 "cudaMemsetAsync");
}

Status CopyOnDevice(void* to, const void* from, size_t bytes, void* stream) {
  return Checked(
      cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(stream)),
      "cudaMemcpyAsync");
}

Status CopyToDevice(void* to, const void* from, size_t bytes) {
  return Checked(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "copy to the device");
}

Status CopyToHost(void* to, const void* from, size_t bytes) {
  return Checked(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "copy to the host");
}

Status Synchronize(void* stream) {
  return Checked(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "cudaStreamSynchronize");
}

std::string DescribeDevices() {
  int driver = 0;
  int runtime = 0;
  int count = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    (void)cudaGetLastError();
    return DevicesJson(driver, runtime, {}, WhyNoDevices(error, driver, runtime));
  }
  std::vector<DeviceFacts> devices;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties = {};
    if (!Checked(cudaGetDeviceProperties(&properties, i), "cudaGetDeviceProperties").ok()) continue;
    DeviceFacts facts;
    facts.name = properties.name;
    facts.major = properties.major;
    facts.minor = properties.minor;
    facts.total_memory = static_cast<double>(properties.totalGlobalMem);
    facts.free_memory = FreeMemory(properties);
    facts.multiprocessors = properties.multiProcessorCount;
    devices.push_back(facts);
  }
  return DevicesJson(driver, runtime, devices, "");
}

}  // namespace cuda
}  // namespace tfjs_norm

#endif
