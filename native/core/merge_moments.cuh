// Coefficient kernels, forward: chunk partials -> moments of a pair -> statistics of a set.
//
// Sums are of deviations from one member (the first chunk's or pair's mean), so by Samuelson's
// inequality what cancels in second - first^2 / n is at most n ulps of a double, and equal values
// give a variance of exactly 0.
#pragma once

#include "core/moments.cuh"
#include "core/sets.cuh"
#include "core/view.h"

namespace tfjs_norm {
namespace cuda {

struct Deviations {
  double first;
  double second;

  NORM_DEVICE void Merge(const Deviations& other) {
    first += other.first;
    second += other.second;
  }
  // A variance; NaN stays NaN.
  NORM_DEVICE double Variance(double count) const {
    const double mean = first / count;
    const double variance = second / count - mean * mean;
    return variance < 0.0 ? 0.0 : variance;
  }
};

NORM_DEVICE double MeanOf(const Moments& moments, int64_t pair) {
  return static_cast<double>(moments.hi[pair]) + static_cast<double>(moments.lo[pair]);
}

struct MomentChunks {
  MomentPartials partials;
  int64_t pairs = 0;
  int chunks = 1;
  double chunk_values = 0;
  double last_values = 0;  // of the last chunk
  double values = 0;       // of a pair

  static MomentChunks Make(const MomentPartials& partials, const Tiling& tiling) {
    MomentChunks c;
    c.partials = partials;
    c.pairs = tiling.pairs;
    c.chunks = tiling.chunks;
    c.chunk_values = static_cast<double>(tiling.chunk_values());
    c.values = static_cast<double>(tiling.values());
    c.last_values = c.values - c.chunk_values * (tiling.chunks - 1);
    return c;
  }

  NORM_DEVICE double Reference(int64_t pair) const {
    return static_cast<double>(partials.shift[pair]) + static_cast<double>(partials.mean[pair]);
  }

  // Adds every stride-th chunk from `lane` on.
  NORM_DEVICE void Add(Deviations& sum, int64_t pair, int lane, int stride) const {
    constexpr int kGroup = 4;
    const double reference = Reference(pair);
    for (int first = lane; first < chunks; first += kGroup * stride) {
      float shift[kGroup], mean[kGroup], m2[kGroup];
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        const int chunk = first + u * stride;
        const int64_t at = (chunk < chunks ? chunk : 0) * pairs + pair;
        shift[u] = partials.shift[at];
        mean[u] = partials.mean[at];
        m2[u] = partials.m2[at];
      }
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        const int chunk = first + u * stride;
        if (chunk < chunks) {
          const double count = chunk == chunks - 1 ? last_values : chunk_values;
          const double d = static_cast<double>(shift[u]) + static_cast<double>(mean[u]) - reference;
          sum.first = fma(count, d, sum.first);
          sum.second += fma(count * d, d, static_cast<double>(m2[u]));
        }
      }
    }
  }

  NORM_DEVICE double Mean(const Deviations& sum, int64_t pair) const {
    return Reference(pair) + sum.first / values;
  }
  NORM_DEVICE double Variance(const Deviations& sum) const { return sum.Variance(values); }
  NORM_DEVICE void Write(const Deviations& sum, int64_t pair, const Moments& moments) const {
    const double mean = Mean(sum, pair);
    const float hi = static_cast<float>(mean);
    moments.hi[pair] = hi;
    moments.lo[pair] = static_cast<float>(mean - static_cast<double>(hi));
    moments.variance[pair] = static_cast<float>(Variance(sum));
  }
};

// Adds the moments of one pair of a set to the set's sums.
NORM_DEVICE void AddPair(Deviations& sum, const Moments& moments, int64_t pair, double reference) {
  const double d = MeanOf(moments, pair) - reference;
  sum.first += d;
  sum.second += fma(d, d, static_cast<double>(moments.variance[pair]));
}

}  // namespace cuda
}  // namespace tfjs_norm
