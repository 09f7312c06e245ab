// libcuda.so.1: initialisation, devices, contexts, error texts.
#include <cstdio>
#include <cstring>
#include <string>

#include "emulator/driver/driver.h"

using namespace tfjs_norm::driver;  // the whole file is CUDA's names over it

namespace {

// One made-up GPU of compute capability 9.0. What a caller asks beyond these is 0: not supported.
constexpr std::pair<Attribute, int> kAttributes[] = {
    {kMaxThreadsPerBlock, 1024},
    {kMaxBlockDimX, 1024},
    {kMaxBlockDimY, 1024},
    {kMaxBlockDimZ, 64},
    {kMaxGridDimX, 2147483647},
    {kMaxGridDimY, 65535},
    {kMaxGridDimZ, 65535},
    {kMaxSharedMemoryPerBlock, 49152},
    {kTotalConstantMemory, 65536},
    {kWarpSize, 32},
    {kMaxRegistersPerBlock, 65536},
    {kClockRate, 1980000},
    {kMultiprocessorCount, 132},
    {kCanMapHostMemory, 1},
    {kConcurrentKernels, 1},
    {kPciDeviceId, 0},
    {kMemoryClockRate, 2619000},
    {kMemoryBusWidth, 5120},
    {kL2CacheSize, 52428800},
    {kMaxThreadsPerMultiprocessor, 2048},
    {kUnifiedAddressing, 1},
    {kPciDomainId, 0},
    {kComputeCapabilityMajor, 9},
    {kComputeCapabilityMinor, 0},
    {kStreamPriorities, 1},
    {kMaxSharedMemoryPerMultiprocessor, 233472},
    {kMaxRegistersPerMultiprocessor, 65536},
    {kMaxSharedMemoryPerBlockOptin, 232448},
    {kMaxBlocksPerMultiprocessor, 32},
};
constexpr int kFirstBus = 0x1e;

bool initialized = false;

// Of an ordinal, which is what a CUdevice is.
Device* At(int device) {
  auto& devices = Driver::Get().devices();
  return device >= 0 && device < static_cast<int>(devices.size()) ? &devices[device] : nullptr;
}

Result Known(int device) {
  if (!initialized) return kNotInitialized;
  return At(device) != nullptr ? kSuccess : kInvalidDevice;
}

template <class T>
Result Answer(int device, T* to, T value) {
  const Result known = Known(device);
  if (known == kSuccess) *to = value;
  return known;
}

std::string Bus(int device) {
  char text[32];
  std::snprintf(text, sizeof text, "0000:%02x:00.0", kFirstBus + At(device)->physical);
  return text;
}

const char* NameOf(Result error) {
  switch (error) {
    case kSuccess:
      return "CUDA_SUCCESS";
    case kInvalidValue:
      return "CUDA_ERROR_INVALID_VALUE";
    case kOutOfMemory:
      return "CUDA_ERROR_OUT_OF_MEMORY";
    case kNotInitialized:
      return "CUDA_ERROR_NOT_INITIALIZED";
    case kNoDevice:
      return "CUDA_ERROR_NO_DEVICE";
    case kInvalidDevice:
      return "CUDA_ERROR_INVALID_DEVICE";
    case kInvalidContext:
      return "CUDA_ERROR_INVALID_CONTEXT";
    case kInvalidHandle:
      return "CUDA_ERROR_INVALID_HANDLE";
    case kNotFound:
      return "CUDA_ERROR_NOT_FOUND";
    case kLaunchFailed:
      return "CUDA_ERROR_LAUNCH_FAILED";
    case kNotSupported:
      return "CUDA_ERROR_NOT_SUPPORTED";
  }
  return nullptr;
}

}  // namespace

NORM_DRIVER_API Result cuInit(unsigned) {
  initialized = true;
  return Driver::Get().devices().empty() ? kNoDevice : kSuccess;
}

NORM_DRIVER_API Result cuDriverGetVersion(int* version) {
  *version = Driver::Get().version();
  return kSuccess;
}

NORM_DRIVER_API Result cuDeviceGetCount(int* count) {
  if (!initialized) return kNotInitialized;
  *count = static_cast<int>(Driver::Get().devices().size());
  return kSuccess;
}

NORM_DRIVER_API Result cuDeviceGet(int* device, int ordinal) {
  return Answer(ordinal, device, ordinal);
}

NORM_DRIVER_API Result cuDeviceGetName(char* name, int size, int device) {
  if (const Result known = Known(device); known != kSuccess) return known;
  std::snprintf(name, size, "Stand-in GPU %d", At(device)->physical);
  return kSuccess;
}

NORM_DRIVER_API Result cuDeviceGetUuid(Uuid* uuid, int device) {
  Uuid value = {{'s', 't', 'a', 'n', 'd', '-', 'i', 'n'}};
  if (At(device) != nullptr) value.bytes[15] = static_cast<unsigned char>(At(device)->physical);
  return Answer(device, uuid, value);
}

NORM_DRIVER_API Result cuDeviceGetUuid_v2(Uuid* uuid, int device) {
  return cuDeviceGetUuid(uuid, device);
}

NORM_DRIVER_API Result cuDeviceGetPCIBusId(char* text, int size, int device) {
  if (const Result known = Known(device); known != kSuccess) return known;
  std::snprintf(text, size, "%s", Bus(device).c_str());
  return kSuccess;
}

NORM_DRIVER_API Result cuDeviceGetByPCIBusId(int* device, const char* text) {
  for (const Device& known : Driver::Get().devices()) {
    if (Bus(known.ordinal) == text) return Answer(known.ordinal, device, known.ordinal);
  }
  return kInvalidDevice;
}

NORM_DRIVER_API Result cuDeviceTotalMem_v2(size_t* bytes, int device) {
  return Answer(device, bytes, Driver::Get().memory_bytes());
}

NORM_DRIVER_API Result cuDeviceComputeCapability(int* major, int* minor, int device) {
  *minor = 0;
  return Answer(device, major, 9);
}

NORM_DRIVER_API Result cuDeviceGetAttribute(int* value, int attribute, int device) {
  if (const Result known = Known(device); known != kSuccess) return known;
  int found = attribute == kPciBusId ? kFirstBus + At(device)->physical : 0;
  for (const auto& [known, is] : kAttributes) {
    if (known == attribute) found = is;
  }
  return Answer(device, value, found);
}

NORM_DRIVER_API Result cuDeviceCanAccessPeer(int* can, int device, int) {
  return Answer(device, can, 0);
}

NORM_DRIVER_API Result cuDeviceGetP2PAttribute(int* value, int, int device, int) {
  return Answer(device, value, 0);
}

NORM_DRIVER_API Result cuDevicePrimaryCtxRetain(Context* context, int device) {
  return Answer(device, context, Context{At(device)});
}

NORM_DRIVER_API Result cuDevicePrimaryCtxRelease_v2(int device) { return Known(device); }
NORM_DRIVER_API Result cuDevicePrimaryCtxRelease(int device) { return Known(device); }

NORM_DRIVER_API Result cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
  *flags = 0;
  return Answer(device, active, 1);
}

NORM_DRIVER_API Result cuDevicePrimaryCtxSetFlags_v2(int device, unsigned) { return Known(device); }
NORM_DRIVER_API Result cuDevicePrimaryCtxSetFlags(int device, unsigned) { return Known(device); }

NORM_DRIVER_API Result cuCtxSetCurrent(Context context) {
  Driver::Current() = static_cast<Device*>(context);
  return kSuccess;
}

NORM_DRIVER_API Result cuCtxGetCurrent(Context* context) {
  *context = Driver::Current();
  return kSuccess;
}

NORM_DRIVER_API Result cuCtxPushCurrent_v2(Context context) {
  Driver::Pushed().push_back(Driver::Current());
  return cuCtxSetCurrent(context);
}

NORM_DRIVER_API Result cuCtxPopCurrent_v2(Context* context) {
  auto& pushed = Driver::Pushed();
  if (pushed.empty()) return kInvalidContext;
  if (context != nullptr) *context = Driver::Current();
  Driver::Current() = pushed.back();
  pushed.pop_back();
  return kSuccess;
}

NORM_DRIVER_API Result cuCtxGetDevice(int* device) {
  const Device* current = Driver::Current();
  if (current == nullptr) return kInvalidContext;
  *device = current->ordinal;
  return kSuccess;
}

NORM_DRIVER_API Result cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return kSuccess;
}

NORM_DRIVER_API Result cuCtxGetSharedMemConfig(int* config) {
  *config = 0;
  return kSuccess;
}

NORM_DRIVER_API Result cuCtxSynchronize() { return Driver::Get().CheckStream(nullptr); }

NORM_DRIVER_API Result cuGetErrorName(Result error, const char** name) {
  *name = NameOf(error);
  return *name != nullptr ? kSuccess : kInvalidValue;
}

NORM_DRIVER_API Result cuGetErrorString(Result error, const char** text) {
  return cuGetErrorName(error, text);
}
