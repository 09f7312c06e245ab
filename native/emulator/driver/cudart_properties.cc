// The runtime inside of our library only: the one structure that is larger than what this folder
// declares itself, so this file takes it from the CUDA toolkit that compiled our kernels.
#include <driver_types.h>

#include <utility>

#include "emulator/driver/cudart.h"

NORM_DRIVER_API int cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  using tfjs_norm::driver::RuntimeResult;
  *properties = {};
  const int error = RuntimeResult("cuDeviceGetName", properties->name,
                                  static_cast<int>(sizeof properties->name), device);
  if (error != 0) return error;
  RuntimeResult("cuDeviceTotalMem_v2", &properties->totalGlobalMem, device);
  const std::pair<int, int*> attributes[] = {
      {tfjs_norm::driver::kComputeCapabilityMajor, &properties->major},
      {tfjs_norm::driver::kComputeCapabilityMinor, &properties->minor},
      {tfjs_norm::driver::kMultiprocessorCount, &properties->multiProcessorCount},
      {tfjs_norm::driver::kL2CacheSize, &properties->l2CacheSize},
      {tfjs_norm::driver::kPciDomainId, &properties->pciDomainID},
      {tfjs_norm::driver::kPciBusId, &properties->pciBusID},
      {tfjs_norm::driver::kPciDeviceId, &properties->pciDeviceID},
  };
  for (const auto& [attribute, value] : attributes) {
    if (const int result = RuntimeResult("cuDeviceGetAttribute", value, attribute, device)) {
      return result;
    }
  }
  return 0;
}
