// What is left to write when a tensor has no elements: zeros and copies, up to eight arrays in one
// launch.
#pragma once

#include "core/lanes.cuh"

namespace tfjs_norm {
namespace cuda {

// to[i] = from ? from[i] : 0; nothing when `to` is null.
struct Fill {
  float* to = nullptr;
  const float* from = nullptr;
  int64_t count = 0;
};

struct Fills {
  static constexpr int kMax = 8;
  Fill fill[kMax];
};

// Launches nothing when there is nothing to write.
Status LaunchFill(const Fills& fills, void* stream);

}  // namespace cuda
}  // namespace tfjs_norm
