// What the forward and the backward kernels of switchable norm on CUDA share. Samples and channels
// are sets of pairs (sets.cuh): a kernel over samples has sets of 1 x C, one over channels of N
// x 1.
#pragma once

#include "core/merge_moments.cuh"
#include "norms/switchable_mix.h"
#include "norms/switchable_norm.h"

namespace tfjs_norm {
namespace cuda {

using switchable::Weights;

// What every kernel needs to know of a pair.
struct SwitchablePairs {
  Moments moments;
  int64_t channels;
  double factor;  // f
  double epsilon;
  bool use_batch;
  bool batch_of_x;
  const float* gamma;
  const float* mean_logits;
  const float* variance_logits;
  const float* moving_mean;
  const float* moving_variance;
  Statistic* layer;  // [N]
  Statistic* batch;  // [C]

  static SwitchablePairs Make(const SwitchableNorm& args, Statistic* layer, Statistic* batch) {
    return {args.moments,
            args.view.channels,
            args.variance_factor(),
            args.epsilon,
            args.use_batch,
            args.batch_of_x(),
            args.gamma,
            args.mean_logits,
            args.variance_logits,
            args.moving_mean,
            args.moving_variance,
            layer,
            batch};
  }

  NORM_DEVICE double Gamma(int64_t channel) const { return gamma ? gamma[channel] : 1.0; }
  NORM_DEVICE Weights WeightsOf() const {
    return switchable::WeightsOf(mean_logits, variance_logits, use_batch);
  }
  NORM_DEVICE Statistic Own(int64_t pair) const {
    return {MeanOf(moments, pair), factor * static_cast<double>(moments.variance[pair])};
  }
  NORM_DEVICE switchable::Pair At(const Weights& weights, int64_t pair) const {
    return switchable::Pair(weights, Own(pair), layer[pair / channels], batch[pair % channels],
                            use_batch, epsilon);
  }
  NORM_DEVICE void Add(Deviations& sum, int64_t pair, int64_t reference) const {
    const Statistic own = Own(pair);
    const double d = own.mean - MeanOf(moments, reference);
    sum.first += d;
    sum.second += fma(d, d, own.variance);
  }
  NORM_DEVICE Statistic Merged(const Deviations& sum, int64_t reference, double items) const {
    return {MeanOf(moments, reference) + sum.first / items, sum.Variance(items)};
  }
};

// Statistics of the block's sets of pairs: of samples or of channels. Every thread comes here.
NORM_DEVICE void MergeStatistics(const SetTiling& tiling, const SetBlock& block,
                                 const SwitchablePairs& pairs, Deviations* shared,
                                 Statistic* statistics) {
  const double items = static_cast<double>(tiling.rows_per_set) * tiling.channels_per_set;
  MergePairs(
      tiling, block, shared,
      [&](Deviations& sum, int j, int reference) {
        pairs.Add(sum, block.Pair(tiling, j), block.Pair(tiling, reference));
      },
      [&](const Deviations& sum, int64_t set, int reference) {
        statistics[set] = pairs.Merged(sum, block.Pair(tiling, reference), items);
      });
}

// Statistics of the block's channels, from x or as given. Every thread comes here.
NORM_DEVICE void BatchStatistics(const SetTiling& tiling, const SetBlock& block,
                                 const SwitchablePairs& pairs, Deviations* shared) {
  if (pairs.batch_of_x) {
    MergeStatistics(tiling, block, pairs, shared, pairs.batch);
    return;
  }
  for (int j = static_cast<int>(threadIdx.x); j < block.columns;
       j += static_cast<int>(blockDim.x)) {
    const int64_t c = block.first_column + j;
    if (pairs.use_batch) {
      pairs.batch[c] = {pairs.moving_mean[c], pairs.moving_variance[c]};
    } else {
      pairs.batch[c] = {0.0, 0.0};
    }
  }
  __syncthreads();
}

}  // namespace cuda
}  // namespace tfjs_norm
