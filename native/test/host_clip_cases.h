// adaptive_grad_clip.h against double precision, for the host tests.
#pragma once

#include "test/clip_cases.h"
#include "test/host_cases.h"

namespace tfjs_norm::test {

inline void CheckClip(const ClipCase& c) {
  const std::string name = c.Name() + " on " + host::Simd().name;
  std::vector<Array> gradients, weights, y;
  AdaptiveGradClip args;
  args.settings = c.settings;
  for (size_t i = 0; i < c.views.size(); ++i) {
    const int64_t size = c.views[i].size();
    gradients.push_back(Random(size, 0, ClipDeviation(c.settings, i)));
    weights.push_back(Random(size, 0, WeightDeviation(i)));
    y.emplace_back(size, c.shift);
  }
  for (size_t i = 0; i < c.views.size(); ++i) {
    args.weights.push_back({c.views[i], gradients[i].data(), weights[i].data(), y[i].data()});
  }
  RunOn(args);
  for (size_t i = 0; i < c.views.size(); ++i) {
    reference::Values factors;
    const reference::Values want =
        reference::Clipped(c.settings, c.views[i], gradients[i], weights[i], &factors);
    ExpectNear(y[i], want, name + " y", ClipDeviation(c.settings, i));
    bool kept = true;
    for (int64_t at = 0; at < y[i].size(); ++at) {
      kept = kept && (factors[at] < 1 || y[i][at] == gradients[i][at]);
    }
    TheChecks().That(kept, "short gradients as they are", __FILE__, __LINE__, name);
  }
}

}  // namespace tfjs_norm::test
