// Memory of a device, for direct calls and for the results of empty ones, and the facts about the
// CUDA devices of this machine. In the emulated library Device::kCuda is the emulator's stand-in.
#pragma once

#include <cstddef>
#include <string>

#include "core/op.h"
#include "core/status.h"

namespace tfjs_norm {

// 256-byte aligned, uninitialised; never null, also for 0 bytes.
Status AllocateOnDevice(Device device, size_t bytes, void** data);
void FreeOnDevice(Device device, void* data);

// Ordered on the stream; the host does not wait.
Status FillZero(Device device, void* data, size_t bytes, void* stream);
Status CopyOnDevice(Device device, void* to, const void* from, size_t bytes, void* stream);

// Complete when they return.
Status CopyToDevice(Device device, void* to, const void* from, size_t bytes);
Status CopyToHost(Device device, void* to, const void* from, size_t bytes);
Status Synchronize(Device device, void* stream);

// The JSON of norm_devices.
std::string DescribeDevices();

// The CUDA code in this library as nvcc names it: "sm_80" machine code, "compute_90" PTX.
std::vector<std::string> Architectures();
// Whether that code runs on a device of compute capability major.minor.
bool HasCodeFor(const std::vector<std::string>& architectures, int major, int minor);

}  // namespace tfjs_norm
