// weight_norm.h against the double-precision reference, for the host tests.
#pragma once

#include <vector>

#include "test/host_cases.h"
#include "test/weight_reference.h"

namespace tfjs_norm::test {

struct HostWeightCase {
  std::vector<WeightView> views;
  WeightNormSettings settings{Divisor::kNorm, false, 1e-12};
  Data data = kData[0];
  bool gamma = true;
};

inline void CheckWeights(const HostWeightCase& c) {
  std::vector<Array> x, dy, gamma, y, dx, dgamma;
  int64_t entries = 0;
  for (const WeightView& view : c.views) {
    x.push_back(Random(view.size(), c.data.mean, c.data.deviation));
    dy.push_back(Random(view.size()));
    gamma.push_back(Random(view.kept, 1, 0.5));
    y.emplace_back(view.size(), Uniform(0, 3));
    dx.emplace_back(view.size(), Uniform(0, 3));
    dgamma.emplace_back(view.kept);
    entries += view.kept;
  }
  Array moments(3 * entries);
  WeightNormForward forward;
  WeightNormBackward backward;
  forward.settings = backward.settings = c.settings;
  forward.moments = backward.moments = Moments::From(moments.data(), entries);
  for (size_t i = 0; i < c.views.size(); ++i) {
    const float* gains = c.gamma ? gamma[i].data() : nullptr;
    forward.weights.push_back({c.views[i], x[i].data(), gains, y[i].data()});
    backward.weights.push_back({c.views[i], dy[i].data(), x[i].data(), gains, dx[i].data(),
                                c.gamma ? dgamma[i].data() : nullptr});
  }
  RunOn(forward);
  RunOn(backward);
  for (size_t i = 0; i < c.views.size(); ++i) {
    const WeightView& view = c.views[i];
    const std::string name = "weight [" + std::to_string(view.outer) + "," +
                             std::to_string(view.kept) + "," + std::to_string(view.inner) + "] " +
                             std::to_string(static_cast<int>(c.settings.divisor)) + " " +
                             c.data.name + " on " + host::Simd().name;
    const reference::WeightNorm want =
        reference::Run(c.settings, view, x[i].data(), backward.weights[i].gamma, dy[i].data());
    double largest = 0;
    for (int64_t at = 0; at < view.size(); ++at) {
      largest = std::max(largest, std::fabs(double{dy[i][at]}));
    }
    ExpectNear(y[i], want.y, name + " y");
    ExpectNear(dx[i], want.dx, name + " dx", want.largest_scale * largest);
    // A sum of fan-in terms, which may cancel; and a rounding of the center, 2^-24 of the
    // deviation, meets the sum of dy.
    const double terms = std::max(
        1.0, std::sqrt(static_cast<double>(view.fan())) + 0.06 * want.largest_gradient_sum);
    if (c.gamma) ExpectNear(dgamma[i], want.dgamma, name + " dgamma", terms);
  }
}

inline std::vector<HostWeightCase> HostWeightCases() {
  const std::vector<std::vector<WeightView>> lists = {
      {{27, 64, 1}, {64, 10, 1}, {9, 6, 1}, {1, 5, 1}, {7, 1, 1}, {1, 1, 1}, {9, 5, 4}},
      {{9, 4, 7}, {4, 3, 33}, {1, 1, 500}, {0, 5, 1}, {3, 0, 1}, {4, 3, 0}},
      {{800, 128, 1}, {9, 64, 175}, {1, 1, 100001}, {12, 12, 1}},  // shared by all threads
  };
  std::vector<HostWeightCase> cases;
  for (const std::vector<WeightView>& views : lists) {
    for (const Data& data : kData) {
      cases.push_back({views, {Divisor::kNorm, false, 1e-12}, data, true});
      cases.push_back({views, {Divisor::kNorm, true, 1e-4}, data, false});
      cases.push_back({views, {Divisor::kDeviation, true, 1e-3}, data, true});
      cases.push_back({views, {Divisor::kUnbiasedDeviation, true, 1e-3}, data, true});
      cases.push_back({views, {Divisor::kRootOfVariance, true, 1e-3}, data, true});
    }
  }
  return cases;
}

}  // namespace tfjs_norm::test
