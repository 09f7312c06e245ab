// Cases of adaptive_grad_clip.h for kernel_check.
#pragma once

#include "test/clip_cases.h"
#include "test/kernel_runner.h"

namespace tfjs_norm::test {

inline void CheckClip(Results& results, Device device, const ClipCase& c, Random& random) {
  results.Case(c.Name());
  std::vector<Floats> gradients, weights;
  for (size_t i = 0; i < c.views.size(); ++i) {
    const int64_t size = c.views[i].size();
    gradients.push_back(random.Normal(size, 0, ClipDeviation(c.settings, i)));
    weights.push_back(random.Normal(size, 0, WeightDeviation(i)));
  }
  const auto run = [&](int only) {
    Memory memory(device);
    AdaptiveGradClip args;
    args.settings = c.settings;
    for (size_t i = 0; i < c.views.size(); ++i) {
      if (only >= 0 && i != static_cast<size_t>(only)) continue;
      args.weights.push_back({c.views[i], memory.Put(gradients[i], c.shift),
                              memory.Put(weights[i], c.shift),
                              memory.Poisoned(c.views[i].size(), c.shift)});
    }
    results.Succeeded(RunOn(device, args, memory));
    std::vector<Floats> outputs;
    for (const auto& weight : args.weights) {
      outputs.push_back(memory.Get(weight.y, weight.view.size()));
    }
    return outputs;
  };
  const std::vector<Floats> got = RunTwice(results, "AdaptiveGradClip", [&] { return run(-1); });
  for (size_t i = 0; i < c.views.size(); ++i) {
    reference::Values factors;
    results.Close("AdaptiveGradClip", "y", got[i],
                  reference::Clipped(c.settings, c.views[i], gradients[i], weights[i], &factors));
    bool kept = true;
    for (size_t at = 0; at < factors.size(); ++at) {
      kept = kept && (factors[at] < 1 || got[i][at] == gradients[i][at]);
    }
    results.That(kept, "AdaptiveGradClip leaves short gradients as they are, bit for bit");
    if (c.views.size() > 1) {
      results.That(SameBits(run(static_cast<int>(i))[0], got[i]),
                   "AdaptiveGradClip y has the bits of a call of its own");
    }
  }
}

inline ClipCase RandomClip(Random& random) {
  ClipCase c;
  const int64_t count = random.Int(1, 6);
  for (int64_t i = 0; i < count; ++i) {
    c.views.push_back({random.OneOf<int64_t>({1, 2, 9, 27, 64, 300}), random.Int(1, 70),
                       random.OneOf<int64_t>({1, 1, 1, 2, 4, 8, 15})});
  }
  c.settings = {random.OneOf({0.01, 0.1, 1.0}), random.OneOf({1e-3, 0.1})};
  c.shift = random.OneOf({0, 0, 0, 1, 2});
  return c;
}

}  // namespace tfjs_norm::test
