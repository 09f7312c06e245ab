// Last pass of a forward: y = a * ((x - hi) - lo) + b, bounded where asked, or a map of x
// (element_maps.cuh); tiles in the reverse order of the first pass, whose last reads are then still
// in the L2 cache.
#pragma once

#include "core/affine.cuh"
#include "core/bounds.cuh"
#include "core/element_maps.cuh"
#include "core/tiling.cuh"

namespace tfjs_norm {
namespace cuda {

Status LaunchApply(const Tiling& tiling, const float* x, const PairAffine& affine, float* y,
                   void* stream);
Status LaunchApply(const Tiling& tiling, const float* x, const PairAffine& affine,
                   const ChannelBounds& bounds, float* y, void* stream);
Status LaunchApply(const Tiling& tiling, const float* x, const ChannelAffine& affine, float* y,
                   void* stream);
Status LaunchApply(const Tiling& tiling, const float* x, const PairGate& map, float* y,
                   void* stream);
Status LaunchApply(const Tiling& tiling, const float* x, const ChannelTanh& map, float* y,
                   void* stream);
Status LaunchApply(const Tiling& tiling, const float* x, const HammingZones& map, float* y,
                   void* stream);
Status LaunchApply(const Tiling& tiling, const float* x, const HammingSofts& map, float* y,
                   void* stream);

}  // namespace cuda
}  // namespace tfjs_norm
