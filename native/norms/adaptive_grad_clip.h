// Adaptive gradient clipping (arXiv 2102.06171) of any number of gradients at once: the gradient of
// each output's weights is at most a fraction of those weights long.
//
//   per weight and kept entry (an output unit), over its n values:
//     g = sqrt(sum gradient^2),  w = max(sqrt(sum weight^2), eps),  most = clipping * w
//     y = gradient                            where g < most, bit for bit
//     y = gradient * most / max(g, 1e-6)      elsewhere
//
// A norm that is NaN clips nothing, an infinite one (of values from about 1e19 on, whose squares
// overflow) makes y 0 where the gradient is finite. A transform of gradients, with no gradient of
// its own.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "core/host_device.h"
#include "core/status.h"
#include "core/weight_view.h"

namespace tfjs_norm {

struct GradClipSettings {
  double clipping = 0.01;
  double epsilon = 1e-3;
};

struct AdaptiveGradClip {
  struct Weight {
    WeightView view;
    const float* gradient = nullptr;
    const float* weight = nullptr;
    float* y = nullptr;
  };

  GradClipSettings settings;
  std::vector<Weight> weights;
};

// What a unit's gradient is multiplied with.
NORM_HOST_DEVICE double ClipFactor(const GradClipSettings& settings, double gradient_square,
                                   double weight_square) {
  constexpr double kLeastGradient = 1e-6;
  const double gradient = sqrt(gradient_square);
  const double weight = sqrt(weight_square);
  const double most = settings.clipping * (weight > settings.epsilon ? weight : settings.epsilon);
  if (!(gradient >= most)) return 1.0;
  return most / (gradient > kLeastGradient ? gradient : kLeastGradient);
}

namespace cuda {
size_t WorkspaceBytes(const AdaptiveGradClip& args);
Status Run(const AdaptiveGradClip& args, void* workspace, void* stream);
}  // namespace cuda

namespace host {
size_t WorkspaceBytes(const AdaptiveGradClip& args);
Status Run(const AdaptiveGradClip& args, void* workspace);
}  // namespace host

}  // namespace tfjs_norm
