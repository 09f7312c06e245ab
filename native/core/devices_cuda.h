// The CUDA half of devices.h. Without CUDA code in the library every call is refused as
// unimplemented.
#pragma once

#include <cstddef>
#include <string>

#include "core/status.h"

namespace tfjs_norm {
namespace cuda {

Status Allocate(size_t bytes, void** data);
void Free(void* data);
Status FillZero(void* data, size_t bytes, void* stream);
Status CopyOnDevice(void* to, const void* from, size_t bytes, void* stream);
Status CopyToDevice(void* to, const void* from, size_t bytes);
Status CopyToHost(void* to, const void* from, size_t bytes);
Status Synchronize(void* stream);
std::string DescribeDevices();

}  // namespace cuda
}  // namespace tfjs_norm
