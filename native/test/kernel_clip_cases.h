// Cases of adaptive_grad_clip.h for kernel_check.
#pragma once

#include "test/kernel_runner.h"

namespace tfjs_norm::test {

struct ClipCase {
  std::vector<WeightView> views;
  GradClipSettings settings;
  int shift = 0;  // of all arrays from a 256-byte boundary, in floats

  std::string Name() const {
    std::string name = "clip " + std::to_string(settings.clipping) + " ";
    for (const WeightView& view : views) {
      name += "[" + std::to_string(view.outer) + "," + std::to_string(view.kept) + "," +
              std::to_string(view.inner) + "] ";
    }
    return name + "shift " + std::to_string(shift);
  }
};

// By the definition, column by column.
inline reference::Values Clipped(const GradClipSettings& settings, const WeightView& view,
                                 const Floats& gradient, const Floats& weight, Floats* factors) {
  reference::Values y(gradient.size());
  factors->assign(gradient.size(), 1.0f);
  for (int64_t k = 0; k < view.kept; ++k) {
    const auto for_each = [&](auto f) {
      for (int64_t o = 0; o < view.outer; ++o) {
        for (int64_t i = 0; i < view.inner; ++i) {
          f(static_cast<size_t>((o * view.kept + k) * view.inner + i));
        }
      }
    };
    double gradients = 0, weights = 0;
    for_each([&](size_t at) {
      gradients += double{gradient[at]} * gradient[at];
      weights += double{weight[at]} * weight[at];
    });
    const double most = settings.clipping * std::max(std::sqrt(weights), settings.epsilon);
    const double norm = std::sqrt(gradients);
    const double factor = norm >= most ? most / std::max(norm, 1e-6) : 1;
    for_each([&](size_t at) {
      y[at] = factor * gradient[at];
      (*factors)[at] = static_cast<float>(factor);
    });
  }
  return y;
}

inline void CheckClip(Results& results, Device device, const ClipCase& c, Random& random) {
  results.Case(c.Name());
  std::vector<Floats> gradients, weights;
  for (size_t i = 0; i < c.views.size(); ++i) {
    const int64_t size = c.views[i].size();
    // Some are clipped as a whole, some in part, some not; one has weights of zeros.
    const double deviation = i % 3 == 0 ? 1 : c.settings.clipping * (i % 3 == 1 ? 0.9 : 0.01);
    gradients.push_back(random.Normal(size, 0, deviation));
    weights.push_back(i % 5 == 4 ? Floats(static_cast<size_t>(size), 0.0f)
                                 : random.Normal(size, 0, 1));
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
    Floats factors;
    results.Close("AdaptiveGradClip", "y", got[i],
                  Clipped(c.settings, c.views[i], gradients[i], weights[i], &factors));
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

inline std::vector<ClipCase> AwkwardClips(bool quick) {
  std::vector<ClipCase> cases = {
      {{{27, 8, 1}}, {0.01, 1e-3}, 0},
      {{{27, 64, 1}, {64, 10, 1}, {9, 6, 1}, {1, 5, 1}, {7, 1, 1}, {1, 1, 1}}, {0.1, 1e-3}, 0},
      {{{9, 5, 4}, {9, 4, 7}, {4, 3, 33}, {1, 1, 500}}, {0.25, 1e-3}, 1},
      {{{0, 5, 1}, {3, 0, 1}, {12, 12, 1}, {4, 3, 0}}, {0.01, 0.5}, 0},
      {{{300, 33, 1}, {2, 600, 1}, {3, 2, 1000}, {1, 700, 2}}, {0.02, 1e-3}, 2},
  };
  if (quick) return cases;
  ClipCase many;  // than fit into one launch
  for (int64_t i = 0; i < 130; ++i) many.views.push_back({1 + i % 7, 1 + i % 11, 1 + i % 3});
  cases.push_back(many);
  // Columns in pieces, in company of such that are not.
  cases.push_back({{{70000, 12, 1}, {1, 1, 600001}, {20, 3, 40000}, {9, 16, 1}}, {0.01, 1e-3}, 0});
  return cases;
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
