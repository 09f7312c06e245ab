// Tells the emulator which memory an op call owns: while a KnownBuffers lives, kernels launched
// from its thread may touch what was added and nothing else. In the other libraries it does
// nothing.
#pragma once

#include <cstddef>

#ifdef NORM_KIND_emulated
#include "emulator/memory.h"
#endif

namespace tfjs_norm {

#ifdef NORM_KIND_emulated
using KnownBuffers = emulator::BufferScope;
#else
class KnownBuffers {
 public:
  void Add(const void*, size_t, bool /*writable*/, const char* /*name*/) {}
};
#endif

}  // namespace tfjs_norm
