// Calls of ops through the C face, and comparisons of what they give.
#pragma once

#include <algorithm>

#include "test/check.h"
#include "test/direct_call.h"

namespace tfjs_norm::test {

inline Checks checks;
constexpr int32_t kDevices[] = {NORM_HOST, NORM_CUDA};

inline NormCounters Counters() {
  NormCounters counters = {};
  norm_counters(&counters);
  return counters;
}

inline std::vector<Values> Run(const char* op, int32_t device, const std::vector<Values>& inputs,
                               const std::map<std::string, double>& attributes) {
  DirectCall call(op, device, inputs, attributes);
  std::vector<Values> results;
  EXPECT_OK(checks, call.Run(&results));
  results.resize(OutputsOf(*FindOp(op), inputs.size()).size());
  return results;
}

inline double LargestDifference(const Values& a, const Values& b) {
  if (a.shape != b.shape || a.data.size() != b.data.size()) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.data.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a.data[i]) - b.data[i]);
    // A NaN differs from everything.
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

inline bool Close(const Values& a, const Values& b, double tolerance = 2e-5) {
  return LargestDifference(a, b) <= tolerance;
}

inline bool AllZero(const Values& values) {
  return std::all_of(values.data.begin(), values.data.end(), [](float v) { return v == 0; });
}

}  // namespace tfjs_norm::test
