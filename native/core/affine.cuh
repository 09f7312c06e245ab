// Where the streaming kernels find the numbers of a column: y = a * ((x - hi) - lo) + b.
#pragma once

#include "core/portable.h"

namespace tfjs_norm {
namespace cuda {

template <int W>
struct Affine {
  float hi[W], lo[W], a[W], b[W];

  NORM_DEVICE float Center(float x, int w) const { return (x - hi[w]) - lo[w]; }
  NORM_DEVICE float Apply(float x, int w) const { return fmaf(a[w], Center(x, w), b[w]); }
};

template <int W>
NORM_DEVICE void LoadTo(float (&to)[W], const float* from) {
  const Vec<W> values = Load<W>(from);
  NORM_UNROLL
  for (int w = 0; w < W; ++w) to[w] = values.v[w];
}

// The mean of the pairs from `pair` on; null arrays stand for 0.
template <int W>
NORM_DEVICE void LoadCenter(float (&hi)[W], float (&lo)[W], const float* from_hi,
                            const float* from_lo, int64_t pair) {
  if (from_hi) {
    LoadTo(hi, from_hi + pair);
    LoadTo(lo, from_lo + pair);
    return;
  }
  NORM_UNROLL
  for (int w = 0; w < W; ++w) hi[w] = lo[w] = 0.0f;
}

// One value each per (row, channel) pair, written by a coefficient kernel. hi and lo may be null,
// for 0.
struct PairAffine {
  const float* hi = nullptr;
  const float* lo = nullptr;
  const float* a = nullptr;
  const float* b = nullptr;

  template <int W>
  NORM_DEVICE Affine<W> At(int64_t pair) const {
    Affine<W> affine;
    LoadCenter(affine.hi, affine.lo, hi, lo, pair);
    LoadTo(affine.a, a + pair);
    LoadTo(affine.b, b + pair);
    return affine;
  }
};

// Given statistics per channel. `mean` and `beta` may be null (0), and gamma and rho, which is of
// the variance (1).
struct ChannelAffine {
  int64_t channels = 1;
  float epsilon = 0;
  const float* mean = nullptr;
  const float* variance = nullptr;
  const float* gamma = nullptr;
  const float* beta = nullptr;

  NORM_DEVICE float Rho(int64_t channel) const {
    return variance ? 1.0f / sqrtf(variance[channel] + epsilon) : 1.0f;
  }

  template <int W>
  NORM_DEVICE Affine<W> At(int64_t pair) const {
    Affine<W> affine;
    const int64_t first = pair % channels;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      const int64_t channel = first + w;
      affine.hi[w] = mean ? mean[channel] : 0.0f;
      affine.lo[w] = 0.0f;
      affine.a[w] = (gamma ? gamma[channel] : 1.0f) * Rho(channel);
      affine.b[w] = beta ? beta[channel] : 0.0f;
    }
    return affine;
  }
};

}  // namespace cuda
}  // namespace tfjs_norm
