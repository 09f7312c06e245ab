// Host: statistics of sets of (row, channel) pairs from those of the pairs, which have equal
// counts. Relative to the set's first mean: equal means give exactly that mean.
#pragma once

#include <cstdint>

#include "norms/statistic.h"

namespace tfjs_norm {
namespace host {

// Of `count` pairs, from own(i): theirs.
template <typename Own>
Statistic MergeStatistics(int64_t count, Own own) {
  const double first = own(0).mean;
  double rest = 0;
  double inner = 0;
  for (int64_t i = 0; i < count; ++i) {
    const Statistic pair = own(i);
    rest += pair.mean - first;
    inner += pair.variance;
  }
  const double scale = 1.0 / static_cast<double>(count);
  const double mean = first + rest * scale;
  double between = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double d = own(i).mean - mean;
    between += d * d;
  }
  return {mean, (inner + between) * scale};
}

// Of the channels first .. end - 1 over all rows, into of_channel[first ..], from own(row,
// channel). Row by row, so that memory is read in its order.
template <typename Own>
void MergeChannels(int64_t rows, int64_t first, int64_t end, Own own, Statistic* of_channel) {
  const double scale = 1.0 / static_cast<double>(rows);
  for (int64_t c = first; c < end; ++c) of_channel[c] = {0, 0};
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t c = first; c < end; ++c) of_channel[c].mean += own(n, c).mean - own(0, c).mean;
  }
  for (int64_t c = first; c < end; ++c) {
    of_channel[c].mean = own(0, c).mean + of_channel[c].mean * scale;
  }
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t c = first; c < end; ++c) {
      const Statistic pair = own(n, c);
      const double d = pair.mean - of_channel[c].mean;
      of_channel[c].variance += pair.variance + d * d;
    }
  }
  for (int64_t c = first; c < end; ++c) of_channel[c].variance *= scale;
}

}  // namespace host
}  // namespace tfjs_norm
