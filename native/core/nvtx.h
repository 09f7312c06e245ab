// NVTX ranges in the domain "tfjs-cuda-norm": one around every op call, named "<op> x[2,3,4]".
// Without a profiler attached a range costs one test of a pointer; without the NVTX header it is
// nothing at all.
#pragma once

#include "core/op.h"

namespace tfjs_norm {

class NvtxRange {
 public:
  NvtxRange(const char* op, const char* argument, const Dims& shape);
  ~NvtxRange();
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;
};

}  // namespace tfjs_norm
