// What the emulator knows of memory, and the check of every Load and Store against it.
//
// By default that is what cudaMalloc gave out: an access that starts in such a buffer or in its
// guard zones has to lie inside the buffer, and memory of unknown origin is let through. While a
// BufferScope lives on a thread, kernels launched from that thread may touch the scope's buffers
// only.
#pragma once

#include <cstddef>
#include <vector>

#include "core/status.h"

namespace tfjs_norm::emulator {

// What uninitialised memory holds, byte by byte: a NaN in every float format.
constexpr unsigned char kPoison = 0xFF;

struct Buffer {
  const char* begin;
  const char* end;
  bool writable;
  const char* name;
};

class BufferScope {
 public:
  BufferScope();
  ~BufferScope();
  BufferScope(const BufferScope&) = delete;
  BufferScope& operator=(const BufferScope&) = delete;

  // `name` (in messages) has to outlive the scope.
  void Add(const void* data, size_t bytes, bool writable, const char* name);

 private:
  friend class MemoryMap;
  std::vector<Buffer> buffers_;
  BufferScope* outer_;
};

// What kernels of one launch may touch; made by the launching thread, read by all that run the
// grid.
class MemoryMap {
 public:
  MemoryMap();

  // The buffer that the access lies in, or null. Buffers do not change during a launch.
  const Buffer* Find(const char* begin, const char* end, bool write) const;
  // For an access that lies in none: false, and the reason, when that is an error.
  bool Allows(const char* begin, const char* end, char* reason, size_t reason_size) const;

 private:
  std::vector<Buffer> buffers_;
  bool strict_;
};

// An error names the kernel whose launch is the first after which a guard zone is found
// overwritten.
Status CheckGuardZones(const char* kernel);

}  // namespace tfjs_norm::emulator
