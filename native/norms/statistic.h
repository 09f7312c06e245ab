// A mean and a variance in double, as the small steps of host and CUDA have them.
#pragma once

namespace tfjs_norm {

// Of a (row, channel) pair or of a set of them.
struct Statistic {
  double mean;
  double variance;
};

}  // namespace tfjs_norm
