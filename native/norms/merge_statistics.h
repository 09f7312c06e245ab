// Host: statistics of sets of (row, channel) pairs, which have equal counts, from their saved
// moments.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/host_grid.h"
#include "core/host_pairs.h"
#include "core/host_simd.h"
#include "core/thread_pool.h"
#include "norms/statistic.h"

namespace tfjs_norm {
namespace host {

// The small steps go by blocks of channels, each over the rows and on any thread.
constexpr int64_t kChannelBlock = 64;
// A pair's step takes about as long as so many elements of a pass.
constexpr int64_t kPairWork = 16;

// Calls f(block, first, count) for the unit's channels in blocks.
template <typename F>
void ForEachChannelBlock(const Unit& unit, F f) {
  const auto run = [&](int64_t block, int) {
    const int64_t first = block * kChannelBlock;
    f(block, unit.channel + first, std::min(kChannelBlock, unit.channels - first));
  };
  ParallelFor(CeilDiv(unit.channels, kChannelBlock), unit.pairs() * kPairWork, run);
}

inline SavedPairs PairsAt(const Moments& moments, int64_t pair, int64_t count) {
  return {count, moments.hi + pair, moments.lo + pair, moments.variance + pair};
}
inline double MeanAt(const Moments& moments, int64_t pair) {
  return static_cast<double>(moments.hi[pair]) + moments.lo[pair];
}

// Of `count` pairs whose variances count `factor` times, from their kSetSums sums about `first`,
// the mean of one of them. That bounds what cancels: the squares are at most `count` times what is
// left of them.
inline Statistic StatisticOf(double first, const double* sums, double count, double factor = 1) {
  const double rest = sums[0] / count;
  const double between = sums[1] - sums[0] * rest;
  return {first + rest, (factor * sums[2] + (between < 0 ? 0 : between)) / count};
}

// Of `count` adjacent pairs.
inline Statistic MergePairs(const Moments& moments, int64_t pair, int64_t count) {
  double sums[kSetSums];
  const double first = MeanAt(moments, pair);
  Simd().merge_pairs({PairsAt(moments, pair, count), first, sums, nullptr, nullptr, {}});
  return StatisticOf(first, sums, static_cast<double>(count));
}

// Of `count` <= kChannelBlock channels from `first` on over all rows, into of_channel[first ..].
// sums(n), of the row's pairs, may be wanted besides, about its first channel's mean.
template <typename Sums>
void MergeChannels(const View& view, const Moments& moments, int64_t first, int64_t count,
                   double factor, Statistic* of_channel, Sums sums) {
  double channels[kSetSums][kChannelBlock] = {};
  for (int64_t n = 0; n < view.rows; ++n) {
    const int64_t row = n * view.channels;
    Simd().merge_pairs({PairsAt(moments, row + first, count),
                        MeanAt(moments, row),
                        sums(n),
                        moments.hi + first,
                        moments.lo + first,
                        {channels[0], channels[1], channels[2]}});
  }
  for (int64_t i = 0; i < count; ++i) {
    const double of[kSetSums] = {channels[0][i], channels[1][i], channels[2][i]};
    of_channel[first + i] =
        StatisticOf(MeanAt(moments, first + i), of, static_cast<double>(view.rows), factor);
  }
}

}  // namespace host
}  // namespace tfjs_norm
