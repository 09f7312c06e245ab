// The stand-in runtime's way to the driver, versions and errors.
#include <dlfcn.h>

#include "emulator/driver/cudart.h"

namespace tfjs_norm::driver {
namespace {

constexpr int kInsufficientDriver = 35;

thread_local int last_error = 0;

struct ErrorText {
  int error;
  const char* name;
  const char* text;
};

constexpr ErrorText kErrors[] = {
    {kSuccess, "cudaSuccess", "no error"},
    {kInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {kOutOfMemory, "cudaErrorMemoryAllocation", "out of memory"},
    {kInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {kNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {kInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {kInvalidContext, "cudaErrorDeviceUninitialized", "invalid device context"},
    {kInvalidHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {kLaunchFailed, "cudaErrorLaunchFailure", "unspecified launch failure"},
};

const ErrorText* Known(int error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return &known;
  }
  return nullptr;
}

}  // namespace

void* Find(const char* name) {
  static void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return driver != nullptr ? dlsym(driver, name) : nullptr;
}

int Remember(int error) {
  if (error != 0) last_error = error;
  return error;
}

int Enter() {
  int version = 0;
  const auto read = Of<int(int*)>("cuDriverGetVersion");
  if (read == nullptr || read(&version) != 0 || version / 1000 < NORM_RUNTIME_VERSION / 1000) {
    return kInsufficientDriver;
  }
  if (const int error = Of<int(unsigned)>("cuInit")(0); error != 0) return error;
  Context context = nullptr;
  Of<int(Context*)>("cuCtxGetCurrent")(&context);
  if (context != nullptr) return 0;
  if (const int error = Of<int(Context*, int)>("cuDevicePrimaryCtxRetain")(&context, 0)) {
    return error;
  }
  return Of<int(Context)>("cuCtxSetCurrent")(context);
}

}  // namespace tfjs_norm::driver

using namespace tfjs_norm::driver;  // CUDA's names from here on

NORM_DRIVER_API int cudaDriverGetVersion(int* version) {
  *version = 0;
  const auto read = Of<int(int*)>("cuDriverGetVersion");
  return read != nullptr ? read(version) : 0;
}
NORM_DRIVER_API int cudaRuntimeGetVersion(int* version) {
  *version = NORM_RUNTIME_VERSION;
  return 0;
}
NORM_DRIVER_API int cudaPeekAtLastError() { return last_error; }
NORM_DRIVER_API int cudaGetLastError() {
  const int error = last_error;
  last_error = 0;
  return error;
}
NORM_DRIVER_API const char* cudaGetErrorName(int error) {
  return Known(error) != nullptr ? Known(error)->name : "unrecognized error code";
}
NORM_DRIVER_API const char* cudaGetErrorString(int error) {
  return Known(error) != nullptr ? Known(error)->text : "unrecognized error code";
}
