// CUDA runtime errors as Status, for the launch wrapper and for every other caller of the runtime.
#pragma once

#include <cuda_runtime.h>

#include "core/status.h"

namespace tfjs_norm {

// After one of these the context is gone: every later CUDA call of the process fails too.
inline bool IsDeviceLost(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDevicesUnavailable:
      return true;
    default:
      return false;
  }
}

// `what` failed: a kernel or a call, for example "kernel RowNormForward" or "cudaMalloc of 64
// bytes".
inline Status CudaStatus(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return Ok();
  const char* text = cudaGetErrorString(error);
  const char* name = cudaGetErrorName(error);
  if (IsDeviceLost(error)) {
    return Error(Code::kUnavailable, "device lost: %s failed: %s (%s)", what, text, name);
  }
  const bool memory = error == cudaErrorMemoryAllocation || error == cudaErrorLaunchOutOfResources;
  return Error(memory ? Code::kResourceExhausted : Code::kInternal, "%s failed: %s (%s)", what,
               text, name);
}

}  // namespace tfjs_norm
