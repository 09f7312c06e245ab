// Coefficient kernels, backward: chunk partials -> sums of a pair.
#pragma once

#include "core/column_sums.cuh"
#include "core/grad_sums.cuh"

namespace tfjs_norm {
namespace cuda {

struct GradChunks {
  GradPartials partials;
  int64_t pairs = 0;
  int chunks = 1;

  static GradChunks Make(const GradPartials& partials, const Tiling& tiling) {
    return {partials, tiling.pairs, tiling.chunks};
  }

  // Adds every stride-th chunk from `lane` on: g0, g1 and, of three sums, g2.
  template <int N>
  NORM_DEVICE void Add(Sums<N>& sum, int64_t pair, int lane, int stride) const {
    static_assert(N == 2 || N == 3, "sums of a backward");
    constexpr int kGroup = 4;
    const float* const arrays[] = {partials.g0, partials.g1, partials.g2};
    for (int first = lane; first < chunks; first += kGroup * stride) {
      float values[kGroup][N];
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        const int chunk = first + u * stride;
        NORM_UNROLL
        for (int n = 0; n < N; ++n) {
          values[u][n] = chunk < chunks ? arrays[n][chunk * pairs + pair] : 0.0f;
        }
      }
      NORM_UNROLL
      for (int u = 0; u < kGroup; ++u) {
        NORM_UNROLL
        for (int n = 0; n < N; ++n) sum.of[n] += static_cast<double>(values[u][n]);
      }
    }
  }
};

}  // namespace cuda
}  // namespace tfjs_norm
