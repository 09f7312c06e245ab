// libcuda.so.1: memory of the device and of the host, copies, sets.
#include <cstdlib>
#include <cstring>

#include "emulator/driver/driver.h"

using namespace tfjs_norm::driver;  // the whole file is CUDA's names over it

namespace {

constexpr size_t kHostAlignment = 4096;

void* At(Pointer pointer) { return reinterpret_cast<void*>(pointer); }

Result Copy(void* to, const void* from, size_t bytes, void* stream) {
  return Driver::Get().Copy(to, from, bytes, stream);
}

}  // namespace

NORM_DRIVER_API Result cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  const Device* device = Driver::Current();
  if (device == nullptr) return kInvalidContext;
  *free_bytes = Driver::Get().FreeBytes(*device);
  *total_bytes = Driver::Get().memory_bytes();
  return kSuccess;
}

NORM_DRIVER_API Result cuMemAlloc_v2(Pointer* pointer, size_t bytes) {
  void* data = nullptr;
  const Result result = Driver::Get().Allocate(bytes, &data);
  *pointer = reinterpret_cast<Pointer>(data);
  return result;
}

NORM_DRIVER_API Result cuMemFree_v2(Pointer pointer) { return Driver::Get().Free(At(pointer)); }

NORM_DRIVER_API Result cuMemGetAddressRange_v2(Pointer* base, size_t* bytes, Pointer pointer) {
  void* begin = nullptr;
  size_t size = 0;
  int device = 0;
  if (!Driver::Get().Find(At(pointer), 1, &begin, &size, &device)) return kNotFound;
  if (base != nullptr) *base = reinterpret_cast<Pointer>(begin);
  if (bytes != nullptr) *bytes = size;
  return kSuccess;
}

// Host memory: any will do, so nothing is recorded of it.
NORM_DRIVER_API Result cuMemHostAlloc(void** data, size_t bytes, unsigned) {
  *data = std::aligned_alloc(kHostAlignment,
                             (bytes + kHostAlignment - 1) / kHostAlignment * kHostAlignment);
  return *data != nullptr ? kSuccess : kOutOfMemory;
}
NORM_DRIVER_API Result cuMemAllocHost_v2(void** data, size_t bytes) {
  return cuMemHostAlloc(data, bytes, 0);
}
NORM_DRIVER_API Result cuMemFreeHost(void* data) {
  std::free(data);
  return kSuccess;
}
NORM_DRIVER_API Result cuMemHostRegister_v2(void*, size_t, unsigned) { return kSuccess; }
NORM_DRIVER_API Result cuMemHostUnregister(void*) { return kSuccess; }
NORM_DRIVER_API Result cuMemHostGetDevicePointer_v2(Pointer* pointer, void* data, unsigned) {
  *pointer = reinterpret_cast<Pointer>(data);
  return kSuccess;
}

NORM_DRIVER_API Result cuMemcpy(Pointer to, Pointer from, size_t bytes) {
  return Copy(At(to), At(from), bytes, nullptr);
}
NORM_DRIVER_API Result cuMemcpyAsync(Pointer to, Pointer from, size_t bytes, void* stream) {
  return Copy(At(to), At(from), bytes, stream);
}
NORM_DRIVER_API Result cuMemcpyHtoD_v2(Pointer to, const void* from, size_t bytes) {
  return Copy(At(to), from, bytes, nullptr);
}
NORM_DRIVER_API Result cuMemcpyHtoDAsync_v2(Pointer to, const void* from, size_t bytes,
                                            void* stream) {
  return Copy(At(to), from, bytes, stream);
}
NORM_DRIVER_API Result cuMemcpyDtoH_v2(void* to, Pointer from, size_t bytes) {
  return Copy(to, At(from), bytes, nullptr);
}
NORM_DRIVER_API Result cuMemcpyDtoHAsync_v2(void* to, Pointer from, size_t bytes, void* stream) {
  return Copy(to, At(from), bytes, stream);
}
NORM_DRIVER_API Result cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t bytes) {
  return Copy(At(to), At(from), bytes, nullptr);
}
NORM_DRIVER_API Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void* stream) {
  return Copy(At(to), At(from), bytes, stream);
}
NORM_DRIVER_API Result cuMemcpyPeerAsync(Pointer to, Context, Pointer from, Context, size_t bytes,
                                         void* stream) {
  return Copy(At(to), At(from), bytes, stream);
}

NORM_DRIVER_API Result cuMemsetD8Async(Pointer to, unsigned char value, size_t count,
                                       void* stream) {
  return Driver::Get().Set(At(to), &value, sizeof value, count, stream);
}
NORM_DRIVER_API Result cuMemsetD16Async(Pointer to, unsigned short value, size_t count,
                                        void* stream) {
  return Driver::Get().Set(At(to), &value, sizeof value, count, stream);
}
NORM_DRIVER_API Result cuMemsetD32Async(Pointer to, unsigned value, size_t count, void* stream) {
  return Driver::Get().Set(At(to), &value, sizeof value, count, stream);
}
NORM_DRIVER_API Result cuMemsetD8_v2(Pointer to, unsigned char value, size_t count) {
  return cuMemsetD8Async(to, value, count, nullptr);
}
NORM_DRIVER_API Result cuMemsetD32_v2(Pointer to, unsigned value, size_t count) {
  return cuMemsetD32Async(to, value, count, nullptr);
}

NORM_DRIVER_API Result cuPointerGetAttribute(void* value, int attribute, Pointer pointer) {
  enum { kContext = 1, kMemoryType = 2, kDevicePointer = 3, kIsManaged = 8, kOrdinal = 9 };
  constexpr int kDeviceMemory = 2;
  void* begin = nullptr;
  size_t size = 0;
  int device = 0;
  if (!Driver::Get().Find(At(pointer), 1, &begin, &size, &device)) return kInvalidValue;
  switch (attribute) {
    case kContext:
      *static_cast<Context*>(value) = &Driver::Get().devices()[device];
      return kSuccess;
    case kMemoryType:
      *static_cast<int*>(value) = kDeviceMemory;
      return kSuccess;
    case kDevicePointer:
      *static_cast<Pointer*>(value) = pointer;
      return kSuccess;
    case kIsManaged:
      *static_cast<int*>(value) = 0;
      return kSuccess;
    case kOrdinal:
      *static_cast<int*>(value) = device;
      return kSuccess;
    default:
      return kNotSupported;
  }
}
