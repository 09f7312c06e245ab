// What core/simd/pairs.cc does with (row, channel) pairs, between the passes over the tensor.
//
// Plain structs only, as in core/host_simd.h.
#pragma once

#include <cstdint>

namespace tfjs_norm {
namespace host {

// Adjacent channels of a row: sums about x[i * stride] over the positions, `scale` times which is a
// mean, become the mean and the biased variance.
struct FinishedMoments {
  int64_t channels;
  double scale;
  const float* x;
  int64_t stride;
  double* mean;      // sums of x - shift
  double* variance;  // and of its square
  double* low;       // mean - hi, or 0: without hi, and where what follows is about zero
  bool about_zero;
  float* hi;  // saved, as are the next two; null where they are not
  float* lo;
  float* saved_variance;
};

// Alike: sums of dy * (x - hi) become those about the exact mean; `low` = lo.
struct CenteredSums {
  int64_t channels;
  const float* lo;
  const double* sum_g;
  double* sum_gx;
  double* low;
};

// Saved moments of adjacent channels of a row.
struct SavedPairs {
  int64_t channels;
  const float* hi;
  const float* lo;
  const float* variance;
};

// Of a set of pairs, about the mean of one of them: sums of means, of their squares, of variances.
constexpr int kSetSums = 3;

// Adds the pairs to the sums of their channels, if any, and gives their own.
struct MergedPairs {
  SavedPairs pairs;
  double first;     // what their own sums are about
  double* sums;     // [kSetSums]
  const float* hi;  // what the channels' sums are about
  const float* lo;
  double* channels[kSetSums];  // null: none
};

}  // namespace host
}  // namespace tfjs_norm
