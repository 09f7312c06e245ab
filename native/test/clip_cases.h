// Cases of adaptive_grad_clip.h and what comes out of them in double precision, for kernel_check
// and host_check.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "norms/adaptive_grad_clip.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

// By the definition, unit by unit; what each value was multiplied with in `factors`.
template <typename Floats>
inline Values Clipped(const GradClipSettings& settings, const WeightView& view,
                      const Floats& gradient, const Floats& weight, Values* factors) {
  Values y(view.size());
  factors->assign(view.size(), 1.0);
  for (int64_t k = 0; k < view.kept; ++k) {
    const auto for_each = [&](auto f) {
      for (int64_t o = 0; o < view.outer; ++o) {
        for (int64_t i = 0; i < view.inner; ++i) {
          f((o * view.kept + k) * view.inner + i);
        }
      }
    };
    double gradients = 0, weights = 0;
    for_each([&](int64_t at) {
      gradients += double{gradient[at]} * gradient[at];
      weights += double{weight[at]} * weight[at];
    });
    const double most = settings.clipping * std::max(std::sqrt(weights), settings.epsilon);
    const double norm = std::sqrt(gradients);
    const double factor = norm >= most ? most / std::max(norm, 1e-6) : 1;
    for_each([&](int64_t at) {
      y[at] = factor * gradient[at];
      (*factors)[at] = factor;
    });
  }
  return y;
}

}  // namespace reference

namespace test {

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

// Some lists are clipped as a whole, some in part, some not: the deviation of the i-th gradient.
inline double ClipDeviation(const GradClipSettings& settings, size_t i) {
  return i % 3 == 0 ? 1 : settings.clipping * (i % 3 == 1 ? 0.9 : 0.01);
}

// One has weights of zeros.
inline double WeightDeviation(size_t i) { return i % 5 == 4 ? 0 : 1; }

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

}  // namespace test
}  // namespace tfjs_norm
