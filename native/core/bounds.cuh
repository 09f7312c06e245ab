// The bounds of an output in the streaming kernels: policies that a kernel asks for the limits of a
// column.
#pragma once

#include "core/bounds.h"
#include "core/portable.h"

namespace tfjs_norm {
namespace cuda {

struct NoLimits {
  NORM_DEVICE float Clip(float z, int) const { return z; }
  NORM_DEVICE bool Hold(float, int) const { return true; }
};

struct NoBounds {
  static constexpr bool kBounded = false;

  template <int W>
  NORM_DEVICE NoLimits At(int64_t) const {
    return {};
  }
};

template <int W>
struct Limits {
  float lower[W];
  float most;

  NORM_DEVICE float Clip(float z, int w) const {
    const float raised = z < lower[w] ? lower[w] : z;
    return raised > most ? most : raised;
  }
  // Whether z is within the bounds.
  NORM_DEVICE bool Hold(float z, int w) const { return !(z < lower[w] || z > most); }
};

struct ChannelBounds {
  static constexpr bool kBounded = true;
  Bounds bounds;
  int64_t channels;

  template <int W>
  NORM_DEVICE Limits<W> At(int64_t pair) const {
    Limits<W> limits;
    const int64_t first = pair % channels;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      limits.lower[w] = bounds.lower ? bounds.lower[first + w] : bounds.least;
    }
    limits.most = bounds.most;
    return limits;
  }
};

}  // namespace cuda
}  // namespace tfjs_norm
