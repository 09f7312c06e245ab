// First pass of a backward: per (row, channel) pair and chunk of positions
//   g0 = sum dy,   g1 = sum dy * xc,   xc = (x - hi) - lo
// With given statistics (ChannelAffine) dx = a * dy is written in the same pass. Of an output with
// bounds only the dy within them enter these two, and g2 is the sum of the others. Of a map f(x,
// theta) (element_maps.cuh) g1 = sum dy * f and g2 = sum dy * df/dtheta; with ChannelTanh dx = a *
// dy
// * df/dx is written too.
#pragma once

#include "core/affine.cuh"
#include "core/bounds.cuh"
#include "core/element_maps.cuh"
#include "core/tiling.cuh"
#include "core/workspace.h"

namespace tfjs_norm {
namespace cuda {

// hi and lo may be null, for 0.
struct PairCenter {
  const float* hi = nullptr;
  const float* lo = nullptr;

  template <int W>
  NORM_DEVICE Affine<W> At(int64_t pair) const {
    Affine<W> affine = {};
    LoadCenter(affine.hi, affine.lo, hi, lo, pair);
    return affine;
  }
};

// [chunks, pairs] arrays.
struct GradPartials {
  float* g0 = nullptr;
  float* g1 = nullptr;
  float* g2 = nullptr;

  static GradPartials Take(Workspace& space, const Tiling& tiling, bool third = false) {
    GradPartials partials;
    partials.g0 = space.Take<float>(tiling.partials());
    partials.g1 = space.Take<float>(tiling.partials());
    if (third) partials.g2 = space.Take<float>(tiling.partials());
    return partials;
  }
};

Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairCenter& center, const GradPartials& partials, void* stream);
// `output`: the forward's y before its bounds.
Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const PairAffine& output, const ChannelBounds& bounds,
                      const GradPartials& partials, void* stream);
Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const ChannelAffine& affine, const GradPartials& partials, float* dx,
                      void* stream);
Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const ChannelGate& gate, const GradPartials& partials, void* stream);
Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x, const ChannelTanh& map,
                      const GradPartials& partials, float* dx, void* stream);
// dx, and of g0 alone: the sum of a * dy * df/dr.
Status LaunchGradSums(const Tiling& tiling, const float* dy, const float* x,
                      const HammingSofts& map, const GradPartials& partials, float* dx,
                      void* stream);

}  // namespace cuda
}  // namespace tfjs_norm
