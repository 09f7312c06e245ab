// First pass of a forward: per (row, channel) pair and chunk of positions, the mean and the sum of
// squared deviations, relative to a value of the chunk.
#pragma once

#include "core/tiling.cuh"
#include "core/workspace.h"

namespace tfjs_norm {
namespace cuda {

// Three [chunks, pairs] arrays. A chunk's mean is shift + mean (shift is one of its values), its m2
// is sum (x - shift - mean)^2.
struct MomentPartials {
  float* shift = nullptr;
  float* mean = nullptr;
  float* m2 = nullptr;

  static MomentPartials Take(Workspace& space, const Tiling& tiling) {
    MomentPartials partials;
    for (float** array : {&partials.shift, &partials.mean, &partials.m2}) {
      *array = space.Take<float>(tiling.partials());
    }
    return partials;
  }
};

Status LaunchMoments(const Tiling& tiling, const float* x, const MomentPartials& partials,
                     void* stream);

}  // namespace cuda
}  // namespace tfjs_norm
