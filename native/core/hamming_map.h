// The numbers of generalized Hamming networks' map of one accumulated value
// (norms/generalized_hamming.h says what they are for), from the number of taps that were
// accumulated.
#pragma once

#include <cmath>

#include "core/host_device.h"

namespace tfjs_norm {

// What an output is, of the thresholded c.
enum class HammingOutput { kDistance, kSimilarity, kCentered, kRaw };

// y = b where x is in [low, high], a * x + b elsewhere.
struct HammingZone {
  float a, b, low, high;
};

// u = theta * x,  y = a * u * (sigmoid(u - r) + sigmoid(-u - r)) + b
struct HammingSoft {
  float theta, a, b, r;
};

struct HammingMap {
  HammingOutput output = HammingOutput::kDistance;
  bool relu = false;  // the zone ends at 0 and has no lower end
  float alpha = 1;    // of the soft threshold

  // Of the output: y = Factor * c + Offset.
  NORM_HOST_DEVICE float Factor(float taps) const {
    if (output == HammingOutput::kRaw) return 0.5f * taps;
    return output == HammingOutput::kDistance ? -1.0f : 1.0f;
  }
  NORM_HOST_DEVICE float Offset(float taps) const {
    if (output == HammingOutput::kRaw) return -0.25f * taps;
    if (output == HammingOutput::kCentered) return 0.0f;
    return output == HammingOutput::kDistance ? 0.5f : -0.5f;
  }

  // Without relu, r = 0 and less is no zone at all.
  NORM_HOST_DEVICE HammingZone Zone(float taps, float r) const {
    const float slope = output == HammingOutput::kRaw ? 1.0f : Factor(taps) * (2.0f / taps);
    if (relu) return {slope, Offset(taps), -HUGE_VALF, 0.0f};
    const float end = 0.5f * taps * r;
    return {slope, Offset(taps), r > 0.0f ? -end : 1.0f, r > 0.0f ? end : -1.0f};
  }
  NORM_HOST_DEVICE HammingSoft Soft(float taps, float r) const {
    return {alpha * (2.0f / taps), Factor(taps) / alpha, Offset(taps), alpha * r};
  }
};

}  // namespace tfjs_norm
