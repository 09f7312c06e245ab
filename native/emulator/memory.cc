#include "emulator/memory.h"

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace tfjs_norm::emulator {
namespace {

constexpr size_t kGuardBytes = 256;

struct Allocations {
  std::mutex mutex;
  std::map<char*, size_t> bytes;  // by address
};

// Never destroyed: other threads may still run kernels while the process exits.
Allocations& AllAllocations() {
  static Allocations* allocations = new Allocations;
  return *allocations;
}

thread_local BufferScope* t_scope = nullptr;

void SetGuards(char* data, size_t bytes) {
  std::memset(data - kGuardBytes, kPoison, kGuardBytes);
  std::memset(data + bytes, kPoison, kGuardBytes);
#ifdef __SANITIZE_ADDRESS__
  __asan_poison_memory_region(data - kGuardBytes, kGuardBytes);
  __asan_poison_memory_region(data + bytes, kGuardBytes);
#endif
}

// The first overwritten byte of the guard zone, or null. AddressSanitizer reports the access
// itself.
const char* Overwritten(const char* zone) {
#ifdef __SANITIZE_ADDRESS__
  (void)zone;
#else
  for (size_t i = 0; i < kGuardBytes; ++i) {
    if (static_cast<unsigned char>(zone[i]) != kPoison) return zone + i;
  }
#endif
  return nullptr;
}

// False when the range starts in a cudaMalloc buffer or behind it and does not end in it.
bool StaysInBuffer(const void* data, size_t bytes) {
  Allocations& all = AllAllocations();
  std::lock_guard<std::mutex> lock(all.mutex);
  const char* p = static_cast<const char*>(data);
  auto next = all.bytes.upper_bound(const_cast<char*>(p));
  if (next == all.bytes.begin()) return true;
  --next;
  const char* end = next->first + next->second;
  if (p >= end + kGuardBytes) return true;
  return p + bytes <= end;
}

}  // namespace

BufferScope::BufferScope() : outer_(t_scope) { t_scope = this; }
BufferScope::~BufferScope() { t_scope = outer_; }

void BufferScope::Add(const void* data, size_t bytes, bool writable, const char* name) {
  const char* begin = static_cast<const char*>(data);
  buffers_.push_back({begin, begin + bytes, writable, name});
}

MemoryMap::MemoryMap() : strict_(t_scope != nullptr) {
  if (strict_) {
    buffers_ = t_scope->buffers_;
    return;
  }
  Allocations& all = AllAllocations();
  std::lock_guard<std::mutex> lock(all.mutex);
  buffers_.reserve(all.bytes.size());
  for (const auto& [data, bytes] : all.bytes) {
    buffers_.push_back({data, data + bytes, true, "cudaMalloc"});
  }
}

const Buffer* MemoryMap::Find(const char* begin, const char* end, bool write) const {
  for (const Buffer& buffer : buffers_) {
    if (begin >= buffer.begin && end <= buffer.end && (buffer.writable || !write)) return &buffer;
  }
  return nullptr;
}

bool MemoryMap::Allows(const char* begin, const char* end, char* reason, size_t reason_size) const {
  for (const Buffer& buffer : buffers_) {
    if (end <= buffer.begin - kGuardBytes || begin >= buffer.end + kGuardBytes) continue;
    if (begin >= buffer.begin && end <= buffer.end) {
      std::snprintf(reason, reason_size, "buffer %s is read only", buffer.name);
    } else {
      std::snprintf(reason, reason_size, "%td bytes at offset %td of the %td bytes of buffer %s",
                    end - begin, begin - buffer.begin, buffer.end - buffer.begin, buffer.name);
    }
    return false;
  }
  std::snprintf(reason, reason_size, "outside of every buffer of the call");
  return !strict_;
}

Status CheckGuardZones(const char* kernel) {
  Allocations& all = AllAllocations();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto& [data, bytes] : all.bytes) {
    const char* found = Overwritten(data - kGuardBytes);
    if (found == nullptr) found = Overwritten(data + bytes);
    if (found == nullptr) continue;
    const long long offset = found - data;
    SetGuards(data, bytes);
    return Error(
        Code::kInternal,
        "emulator: kernel %s: a write at offset %lld of the %zu bytes of a cudaMalloc buffer",
        kernel, offset, bytes);
  }
  return Ok();
}

}  // namespace tfjs_norm::emulator

using tfjs_norm::emulator::AllAllocations;
using tfjs_norm::emulator::kGuardBytes;
using tfjs_norm::emulator::kPoison;
using tfjs_norm::emulator::StaysInBuffer;

cudaError_t cudaMalloc(void** data, size_t bytes) {
  *data = nullptr;
  if (bytes == 0) return cudaSuccess;
  size_t free_bytes, total_bytes;
  (void)cudaMemGetInfo(&free_bytes, &total_bytes);
  if (bytes > total_bytes) return cudaErrorMemoryAllocation;
  const size_t total = (bytes + 3 * kGuardBytes - 1) / kGuardBytes * kGuardBytes;
  char* memory = static_cast<char*>(std::aligned_alloc(kGuardBytes, total));
  if (memory == nullptr) return cudaErrorMemoryAllocation;
  char* buffer = memory + kGuardBytes;
  std::memset(buffer, kPoison, bytes);
  tfjs_norm::emulator::SetGuards(buffer, bytes);
  auto& all = AllAllocations();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.bytes.emplace(buffer, bytes);
  *data = buffer;
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  if (data == nullptr) return cudaSuccess;
  char* buffer = static_cast<char*>(data);
  auto& all = AllAllocations();
  std::lock_guard<std::mutex> lock(all.mutex);
  const auto found = all.bytes.find(buffer);
  if (found == all.bytes.end()) return cudaErrorInvalidValue;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(buffer - kGuardBytes, found->second + 2 * kGuardBytes);
#endif
  std::free(buffer - kGuardBytes);
  all.bytes.erase(found);
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes == 0) return cudaSuccess;
  if (!StaysInBuffer(to, bytes) || !StaysInBuffer(from, bytes)) return cudaErrorInvalidValue;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}

cudaError_t cudaMemset(void* data, int value, size_t bytes) {
  if (bytes == 0) return cudaSuccess;
  if (!StaysInBuffer(data, bytes)) return cudaErrorInvalidValue;
  std::memset(data, value, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t) {
  return cudaMemset(data, value, bytes);
}
