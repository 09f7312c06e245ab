// What the forward and the backward kernels of online norm on CUDA share.
#pragma once

#include "core/merge_moments.cuh"
#include "norms/online_norm.h"
#include "norms/online_steps.h"

namespace tfjs_norm {
namespace cuda {

// What every kernel needs to know of the (sample, channel) pairs.
struct OnlinePairs {
  View view;
  bool training;
  Moments moments;
  float* offset;
  float* deviation;
  const float* gamma;
  const float* beta;

  static OnlinePairs Make(const OnlineNorm& args) {
    return {args.view,      args.training, args.moments, args.offset,
            args.deviation, args.gamma,    args.beta};
  }

  NORM_DEVICE double Gamma(int64_t channel) const { return gamma ? gamma[channel] : 1.0; }
  NORM_DEVICE online::Line LineOf(int64_t pair, int64_t channel) const {
    return online::Line(offset[pair], deviation[pair], Gamma(channel), beta ? beta[channel] : 0.0);
  }
};

// Calls f(pair, channel) for the block's pairs, a thread each.
template <class F>
NORM_DEVICE void ForEachPair(const SetTiling& tiling, const SetBlock& block, F f) {
  for (int j = static_cast<int>(threadIdx.x); j < block.pairs; j += static_cast<int>(blockDim.x)) {
    f(block.Pair(tiling, j), block.Channel(tiling, j));
  }
}

// Calls f(channel) for the block's channels, a thread each, between barriers.
template <class F>
NORM_DEVICE void ForEachChannel(const SetBlock& block, F f) {
  __syncthreads();
  for (int j = static_cast<int>(threadIdx.x); j < block.columns;
       j += static_cast<int>(blockDim.x)) {
    f(block.first_column + j);
  }
  __syncthreads();
}

// Samples a recurrence loads at once, so that it waits once for all of them.
constexpr int kScanGroup = 8;

}  // namespace cuda
}  // namespace tfjs_norm
