// Mean and sum of squared deviations of the values a thread reads, relative to a value of its
// column.
#pragma once

#include "core/portable.h"

namespace tfjs_norm {
namespace cuda {

// Count, mean and m2 of the values seen so far, all relative to the column's shift.
template <int W>
struct MomentSum {
  float count;
  float mean[W];
  float m2[W];

  // Chan's formula. An empty `other` changes nothing.
  NORM_DEVICE void Merge(const MomentSum& other) {
    if (!(other.count > 0.0f)) return;
    const float weight = other.count / (count + other.count);
    const float cross = count * weight;
    NORM_UNROLL
    for (int w = 0; w < W; ++w) {
      const float delta = other.mean[w] - mean[w];
      mean[w] = fmaf(delta, weight, mean[w]);
      // In this order an infinite square of a huge spread cannot meet a weight of 0.
      m2[w] += fmaf(delta * cross, delta, other.m2[w]);
    }
    count += other.count;
  }
};

// A group of at most U loads is summed in two passes over registers and merged: one division per
// group, and no rounding that grows with the number of values.
template <int V, int W, int U>
NORM_DEVICE void AddGroup(const Vec<V> (&values)[U], int count, const float (&shift)[W],
                          MomentSum<W>& sum) {
  constexpr int kPerLoad = V / W;
  MomentSum<W> group;
  group.count = static_cast<float>(count * kPerLoad);
  const float scale = 1.0f / group.count;
  NORM_UNROLL
  for (int w = 0; w < W; ++w) {
    float total = 0.0f;
    NORM_UNROLL
    for (int u = 0; u < U; ++u) {
      NORM_UNROLL
      for (int k = 0; k < kPerLoad; ++k) {
        const float d = values[u].v[w + k] - shift[w];
        total += u < count ? d : 0.0f;
      }
    }
    const float mean = total * scale;
    float m2 = 0.0f;
    NORM_UNROLL
    for (int u = 0; u < U; ++u) {
      NORM_UNROLL
      for (int k = 0; k < kPerLoad; ++k) {
        const float d = u < count ? (values[u].v[w + k] - shift[w]) - mean : 0.0f;
        m2 = fmaf(d, d, m2);
      }
    }
    group.mean[w] = mean;
    group.m2[w] = m2;
  }
  sum.Merge(group);
}

}  // namespace cuda
}  // namespace tfjs_norm
