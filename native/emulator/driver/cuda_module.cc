// libcuda.so.1: modules, kernels, launches. A kernel is its name; launching it computes nothing and
// is counted.
#include <mutex>
#include <set>
#include <string>

#include "emulator/driver/driver.h"

using namespace tfjs_norm::driver;  // the whole file is CUDA's names over it

namespace {

char any_module;

// The handle of a kernel: the address of its name, kept for ever.
void* Kernel(const char* name) {
  static auto& mutex = *new std::mutex;
  static auto& names = *new std::set<std::string>;
  const std::lock_guard<std::mutex> lock(mutex);
  return const_cast<std::string*>(&*names.insert(name).first);
}

const std::string& NameOf(const void* kernel) { return *static_cast<const std::string*>(kernel); }

Result Load(void** module) {
  *module = &any_module;
  return Driver::Current() != nullptr ? kSuccess : kInvalidContext;
}

}  // namespace

NORM_DRIVER_API Result cuModuleLoadFatBinary(void** module, const void*) { return Load(module); }
NORM_DRIVER_API Result cuModuleLoadData(void** module, const void*) { return Load(module); }
NORM_DRIVER_API Result cuModuleLoadDataEx(void** module, const void*, unsigned, void*, void*) {
  return Load(module);
}
NORM_DRIVER_API Result cuModuleUnload(void*) { return kSuccess; }
NORM_DRIVER_API Result cuModuleGetFunction(void** kernel, void*, const char* name) {
  *kernel = Kernel(name);
  return kSuccess;
}

NORM_DRIVER_API Result cuFuncGetName(const char** name, void* kernel) {
  *name = NameOf(kernel).c_str();
  return kSuccess;
}
NORM_DRIVER_API Result cuFuncGetModule(void** module, void*) { return Load(module); }

NORM_DRIVER_API Result cuFuncGetAttribute(int* value, int attribute, void*) {
  enum { kThreadsPerBlock = 0, kPtxVersion = 5, kBinaryVersion = 6 };
  *value = attribute == kThreadsPerBlock                             ? 1024
           : attribute == kPtxVersion || attribute == kBinaryVersion ? 90
                                                                     : 0;
  return kSuccess;
}
NORM_DRIVER_API Result cuFuncSetAttribute(void*, int, int) { return kSuccess; }
NORM_DRIVER_API Result cuFuncSetCacheConfig(void*, int) { return kSuccess; }

NORM_DRIVER_API Result cuLaunchKernel(void* kernel, unsigned, unsigned, unsigned, unsigned,
                                      unsigned, unsigned, unsigned, void* stream, void**, void**) {
  return Driver::Get().Launch(NameOf(kernel), stream);
}
NORM_DRIVER_API Result cuLaunchKernelEx(const LaunchConfig* config, void* kernel, void**, void**) {
  return Driver::Get().Launch(NameOf(kernel), config->stream);
}
