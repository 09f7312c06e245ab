// The shape that normalizers of weights work on: x[(o * kept + k) * inner + i]. Each of the kept
// entries has its statistic, over outer and inner.
#pragma once

#include <cstdint>

namespace tfjs_norm {

struct WeightView {
  int64_t outer = 1;
  int64_t kept = 1;
  int64_t inner = 1;

  int64_t size() const { return outer * kept * inner; }
  int64_t fan() const { return outer * inner; }
};

}  // namespace tfjs_norm
