#include <dlfcn.h>

#include <atomic>
#include <cstdio>

#include "core/cuda_status.h"
#include "emulator/driver/control.h"
#include "emulator/launch.h"

namespace tfjs_norm::emulator {

Status AskDriver(const char* kernel, void* stream) {
  using Ask = decltype(&norm_driver_launch);
  static std::atomic<Ask> known{nullptr};
  Ask ask = known.load();
  if (ask == nullptr) {
    // A driver may come into the process at any time, with TensorFlow.
    void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (driver == nullptr) return Ok();
    ask = reinterpret_cast<Ask>(dlsym(driver, "norm_driver_launch"));
    if (ask == nullptr) return Ok();  // NVIDIA's
    known.store(ask);
  }
  char what[160];
  std::snprintf(what, sizeof what, "launch of kernel %s", kernel);
  return CudaStatus(static_cast<cudaError_t>(ask(kernel, stream)), what);
}

}  // namespace tfjs_norm::emulator
