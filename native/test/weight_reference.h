// The definition of weight_norm.h in double precision. The gradients go backwards through it step
// by step, not by the closed form of the kernels.
#pragma once

#include <cmath>

#include "norms/weight_norm.h"
#include "test/reference.h"

namespace tfjs_norm {
namespace reference {

struct WeightNorm {
  Values y, dx, dgamma;
  double largest_scale = 0;  // of what dy is multiplied with
  double largest_gradient_sum = 0;
};

// s of Q, and ds / dQ.
inline void ScaleAndSlope(const WeightNormSettings& settings, double square, double fan, double* s,
                          double* slope) {
  const double epsilon = settings.epsilon;
  if (settings.divisor == Divisor::kNorm) {
    *s = std::pow(std::max(square, epsilon), -0.5);
    *slope = square > epsilon ? -0.5 * std::pow(square, -1.5) : 0;
  } else if (settings.divisor == Divisor::kRootOfVariance) {
    *s = std::pow(square / fan + epsilon, -0.5);
    *slope = -0.5 / fan * std::pow(square / fan + epsilon, -1.5);
  } else {
    const double k = settings.divisor == Divisor::kUnbiasedDeviation ? std::max(fan - 1, 1.0) : fan;
    const double deviation = std::sqrt(square / k);
    *s = 1 / (deviation + epsilon);
    *slope = deviation > 0 ? -std::pow(deviation + epsilon, -2) * 0.5 / (deviation * k) : 0;
  }
}

inline WeightNorm Run(const WeightNormSettings& settings, const WeightView& view, const float* x,
                      const float* gamma, const float* dy) {
  WeightNorm out;
  out.y.assign(view.size(), 0);
  out.dx.assign(view.size(), 0);
  const double fan = static_cast<double>(view.fan());
  if (view.fan() == 0) out.dgamma.assign(view.kept, 0);
  for (int64_t k = 0; k < view.kept && view.fan() > 0; ++k) {
    const auto for_each = [&](auto f) {
      for (int64_t o = 0; o < view.outer; ++o) {
        for (int64_t i = 0; i < view.inner; ++i) f((o * view.kept + k) * view.inner + i);
      }
    };
    double center = 0;
    if (settings.center) {
      for_each([&](int64_t at) { center += x[at] / fan; });
    }
    double square = 0;
    for_each([&](int64_t at) { square += (x[at] - center) * (x[at] - center); });
    double s = 0;
    double slope = 0;
    ScaleAndSlope(settings, square, fan, &s, &slope);
    const double gain = gamma ? gamma[k] : 1;
    double along = 0;  // sum dy * u
    double gradients = 0;
    for_each([&](int64_t at) {
      const double u = x[at] - center;
      out.y[at] = gain * s * u;
      along += dy[at] * u;
      gradients += dy[at];
    });
    out.largest_gradient_sum = std::max(out.largest_gradient_sum, std::fabs(gradients));
    out.dgamma.push_back(s * along);
    const double d_square = gain * along * slope;
    double total = 0;
    for_each([&](int64_t at) {
      const double du = gain * s * dy[at] + 2 * d_square * (x[at] - center);
      out.dx[at] = du;
      total += du;
    });
    if (settings.center) for_each([&](int64_t at) { out.dx[at] -= total / fan; });
    out.largest_scale = std::max(out.largest_scale, std::fabs(gain * s));
  }
  return out;
}

}  // namespace reference
}  // namespace tfjs_norm
