// Last pass of a backward: dx = p * dy + q * ((x - hi) - lo) + t, tiles in the reverse order of the
// first pass. Of an output with bounds dy counts within them only; with a gate it is dy * df/dx.
// The same launch sums the parameter gradients that the coefficient kernel left per (row, channel)
// pair.
#pragma once

#include "core/affine.cuh"
#include "core/bounds.cuh"
#include "core/column_sums.cuh"
#include "core/element_maps.cuh"
#include "core/tiling.cuh"

namespace tfjs_norm {
namespace cuda {

// One value each per (row, channel) pair. hi and lo may be null, for 0.
struct GradCoefficients {
  const float* hi = nullptr;
  const float* lo = nullptr;
  const float* p = nullptr;
  const float* q = nullptr;
  const float* t = nullptr;
};

Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, float* dx,
                       const ParameterSums& parameters, void* stream);
// `output`: the forward's y before its bounds.
Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, const PairAffine& output,
                       const ChannelBounds& bounds, float* dx, const ParameterSums& parameters,
                       void* stream);
Status LaunchGradApply(const Tiling& tiling, const float* dy, const float* x,
                       const GradCoefficients& coefficients, const ChannelGate& gate, float* dx,
                       const ParameterSums& parameters, void* stream);

}  // namespace cuda
}  // namespace tfjs_norm
