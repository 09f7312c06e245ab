// The arithmetic of one output of weight_norm.h, in double, for host and CUDA.
#pragma once

#include <cmath>

#include "core/host_device.h"
#include "norms/weight_norm.h"

namespace tfjs_norm {

// y = (gamma * s) * u
struct WeightScale {
  double s;
  double slope;  // 2 ds / dQ
};

// `square` is Q, `fan` n.
NORM_HOST_DEVICE WeightScale ScaleOf(const WeightNormSettings& settings, double square,
                                     double fan) {
  const double epsilon = settings.epsilon;
  switch (settings.divisor) {
    case Divisor::kNorm: {
      const bool clamped = square <= epsilon;
      const double s = 1.0 / sqrt(clamped ? epsilon : square);
      return {s, clamped ? 0.0 : -s * s * s};
    }
    case Divisor::kDeviation:
    case Divisor::kUnbiasedDeviation: {
      const bool biased = settings.divisor == Divisor::kDeviation;
      const double k = biased ? fan : (fan > 2.0 ? fan - 1.0 : 1.0);
      const double deviation = sqrt(square / k);
      const double s = 1.0 / (deviation + epsilon);
      return {s, deviation == 0.0 ? 0.0 : -s * s / (deviation * k)};
    }
    case Divisor::kRootOfVariance:
      break;
  }
  const double s = 1.0 / sqrt(square / fan + epsilon);
  return {s, -s * s * s / fan};
}

// dx = p * dy + q * u + t
struct WeightGradient {
  double p;
  double q;
  double t;
  double dgamma;
};

NORM_HOST_DEVICE WeightGradient GradientOf(const WeightNormSettings& settings, double square,
                                           double fan, double gamma, double g0, double g1) {
  const WeightScale scale = ScaleOf(settings, square, fan);
  WeightGradient gradient = {gamma * scale.s, gamma * scale.slope * g1, 0.0, scale.s * g1};
  if (settings.center) {
    // dy - dy rounds to other than 0 when it is multiplied first.
    if (fan == 1.0) gradient.p = 0.0;
    gradient.t = -gradient.p * g0 / fan;
  }
  return gradient;
}

}  // namespace tfjs_norm
